//! Where files may be: this machine and, with the features `s3` and `http`, buckets and servers. A
//! store is made when the first statement names it; S3 takes its keys and region from the usual
//! `AWS_*` environment variables.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::ObjectStore;
use url::Url;

/// The stores of a session.
#[derive(Debug, Default)]
pub struct Locations {
    known: DefaultObjectStoreRegistry,
}

impl ObjectStoreRegistry for Locations {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.known.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let known = self.known.get_store(url);
        if known.is_ok() {
            return known;
        }
        match new_store(url)? {
            Some(store) => {
                self.known.register_store(url, store.clone());
                Ok(store)
            }
            None => known,
        }
    }
}

/// A store for a kind of location that this build knows.
fn new_store(url: &Url) -> Result<Option<Arc<dyn ObjectStore>>> {
    match url.scheme() {
        #[cfg(feature = "s3")]
        "s3" | "s3a" => {
            let bucket = url.host_str().unwrap_or_default();
            let builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket);
            Ok(Some(Arc::new(builder.build()?)))
        }
        #[cfg(feature = "http")]
        "http" | "https" => {
            let origin = &url[..url::Position::BeforePath];
            let builder = object_store::http::HttpBuilder::new().with_url(origin);
            Ok(Some(Arc::new(builder.build()?)))
        }
        #[cfg(not(feature = "s3"))]
        "s3" | "s3a" => Err(missing(url, "s3")),
        #[cfg(not(feature = "http"))]
        "http" | "https" => Err(missing(url, "http")),
        _ => Ok(None),
    }
}

#[cfg(not(all(feature = "s3", feature = "http")))]
fn missing(url: &Url, feature: &str) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Plan(format!(
        "this build does not read {url}: build it with `cargo build --release --features {feature}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_and_other_schemes_are_named() {
        let locations = Locations::default();
        assert!(
            locations
                .get_store(&Url::parse("file:///tmp").unwrap())
                .is_ok()
        );
        let other = Url::parse("gopher://host/file").unwrap();
        let text = locations.get_store(&other).unwrap_err().to_string();
        assert!(text.contains("gopher"), "{text}");
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_build_without_s3_says_how_to_get_it() {
        let url = Url::parse("s3://bucket/file.parquet").unwrap();
        let text = Locations::default()
            .get_store(&url)
            .unwrap_err()
            .to_string();
        assert!(text.contains("--features s3"), "{text}");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn a_bucket_gets_one_store() {
        let url = Url::parse("s3://bucket/file.parquet").unwrap();
        let locations = Locations::default();
        let first = locations.get_store(&url).unwrap();
        assert!(Arc::ptr_eq(&first, &locations.get_store(&url).unwrap()));
    }
}
