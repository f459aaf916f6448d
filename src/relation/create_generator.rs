//! CREATE MODEL of a generator: the query's rows are collected and coded, a design learns from them, and
//! what was learnt is published with the codes.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::creation::{Creation, Learned, Recipe, Run};
use super::generate::constraint;
use crate::error::Result;
use crate::feature::FittedSpec;
use crate::feature::table::{Codec, CodecOptions, Collector, TableSpec};
use crate::gan::{Design, Makes, RowDesign};
use crate::store::{Draft, GeneratorSpec};
use crate::tensor::catch;
use crate::train::adversarial::{self, Adversarial, Generated};
use crate::train::{self, Epoch, TrainingEvent};

/// Categories of a column that have slots of their own, where max_vocabulary says nothing.
const KEPT: usize = 64;

/// Groups of all others, where hash_buckets says nothing.
const GROUPS: u32 = 16;

/// Plans a CREATE MODEL of `design` over `input`.
///
/// # Errors
/// `Plan` for whatever in the statement can't work.
pub fn plan(
    design: &'static Design,
    statement: Creation,
    input: LogicalPlan,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    match design.makes {
        Makes::Rows(design) => {
            let options = &statement.options;
            let schema = input.schema();
            let spec = TableSpec::infer(schema.as_arrow(), &options.columns, &options.funnel)?;
            constraint::plan(&options.constraints, schema, context)?;
            let spec = Arc::new(spec);
            statement.plan(Rows { design, spec }, input)
        }
    }
}

/// Makes a generator of rows.
#[derive(Clone)]
struct Rows {
    design: RowDesign,
    spec: Arc<TableSpec>,
}

impl Recipe for Rows {
    type Reader = ();
    type Part = Collector;

    fn reader(&self, _: &Run) -> Result<()> {
        Ok(())
    }

    fn part(&self, (): &(), run: &Run) -> Result<Collector> {
        let seed = run.statement.options.train.seed;
        Collector::new(&self.spec, seed, run.budget.clone())
    }

    fn push(part: &mut Collector, batch: &RecordBatch) -> Result<()> {
        part.push(batch)
    }

    fn learn(&self, (): (), parts: Vec<Collector>, run: &Run, draft: &Draft) -> Result<()> {
        let options = &run.statement.options;
        let start = Instant::now();
        let collected = Collector::join(parts)?;
        let coding = CodecOptions {
            keep: options.columns.max_vocabulary.unwrap_or(KEPT),
            groups: options.columns.hash_buckets.unwrap_or(GROUPS) as usize,
            ordered: self.design.ordered,
            seed: options.train.seed,
        };
        let (codec, coded) = Codec::fit(&self.spec, &collected.rows, &coding)?;
        run.check()?;
        let generated = match self.design.fit {
            Some(fit) => {
                let params = catch(|| fit(&codec, &coded))?;
                let history = vec![Epoch {
                    epoch: 1,
                    split: "train".into(),
                    task: "correlations".into(),
                    loss: None,
                    auc: None,
                    weight: 1.,
                    rows: coded.rows as i64,
                    seconds: start.elapsed().as_secs_f64(),
                }];
                run.epoch_done(&history);
                Generated {
                    params,
                    history,
                    best_epoch: 1,
                }
            }
            None => {
                let fit = Adversarial {
                    codec: &codec,
                    coded: &coded,
                    config: &options.config,
                    options: &options.train,
                    threads: run.statement.threads,
                    budget: run.budget.as_ref(),
                };
                let report = |event: &TrainingEvent| run.report(event);
                let mut epoch_done = |history: &[Epoch]| run.epoch_done(history);
                train::alone(|| catch(|| adversarial::fit(&fit, &report, &mut epoch_done)))?
            }
        };
        run.check()?;
        let manifest = run.statement.manifest(Learned {
            rows: collected.seen,
            encoder: FittedSpec::empty(),
            generator: Some(GeneratorSpec::Rows(codec)),
            tasks: options.columns.labels.clone(),
            history: generated.history,
            best_epoch: generated.best_epoch,
            scores: Vec::new(),
        })?;
        draft.write(&manifest, None, &generated.params)
    }
}
