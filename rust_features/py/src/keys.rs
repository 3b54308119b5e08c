//! `Keys`: the secrets of one deployment; no representation shows them.

use cart_recovery_core::edge::{Edge, OutsideId};
use cart_recovery_core::keyed::Key;
use cart_recovery_engine::Keys;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The secrets of one deployment.
#[pyclass(name = "Keys", module = "rust_features", frozen)]
pub struct PyKeys {
    pub inner: Keys,
}

#[pymethods]
impl PyKeys {
    #[new]
    #[pyo3(signature = (*, edge, decision, offer, contact_public, bundle_public))]
    fn new(edge: &[u8], decision: &[u8], offer: &[u8], contact_public: &[u8], bundle_public: &[u8]) -> PyResult<Self> {
        let inner = Keys {
            edge: Key(key("edge", edge)?),
            decision: Key(key("decision", decision)?),
            offer: Key(key("offer", offer)?),
            contact_public: key("contact_public", contact_public)?,
            bundle_public: key("bundle_public", bundle_public)?,
        };
        Ok(Self { inner })
    }

    #[allow(clippy::unused_self)]
    fn __repr__(&self) -> &'static str {
        "Keys(hidden)"
    }
}

/// Thirty-two bytes, or an error that names the field and never the value.
pub fn key(field: &str, bytes: &[u8]) -> PyResult<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| PyValueError::new_err(format!("{field}: {} bytes; send 32", bytes.len())))
}

/// The token of an outside id, as the edge gives it.
#[pyfunction]
pub fn outside_token(keys: &PyKeys, kind: &str, storefront_id: &str, outside_id: &str) -> PyResult<String> {
    let kind = match kind {
        "customer" => OutsideId::Customer,
        "anonymous" => OutsideId::Anonymous,
        "email" => OutsideId::Email,
        "phone" => OutsideId::Phone,
        "push" => OutsideId::Push,
        "session" => OutsideId::Session,
        "cart" => OutsideId::Cart,
        "order" => OutsideId::Order,
        "event" => OutsideId::Event,
        other => {
            return Err(PyValueError::new_err(format!(
                "kind: {other:?} is none; see the documentation"
            )));
        }
    };
    let edge = Edge::without_dispatcher(keys.inner.edge.clone());
    edge.outside_token(kind, storefront_id, outside_id)
        .map(|token| token.to_string())
        .ok_or_else(|| PyValueError::new_err("outside_id: (hidden) has not the form of such a contact"))
}
