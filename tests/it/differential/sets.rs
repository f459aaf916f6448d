//! UNION, INTERSECT and EXCEPT.

use super::draw::Draw;
use super::relation::{Relation, listed, one_of, side};

/// Rows of one to three columns of two relations together.
pub fn set(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let (left, right) = (side(draw, depth), side(draw, depth));
    let values = draw.some(&left.columns, 1, 3);
    let mut others = Vec::new();
    for value in &values {
        // DataFusion wants different names on this side, too.
        let other = one_of(draw, &right.columns, value.kind)?;
        others.push(format!("{other} AS {}", draw.name()));
    }
    let (list, columns) = listed(draw, &values);
    let how = *draw.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
    let sql = format!(
        "SELECT {list} FROM {} {how} SELECT {} FROM {}",
        left.from,
        others.join(", "),
        right.from
    );
    Some(Relation { sql, columns })
}
