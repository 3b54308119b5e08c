//! A message of the contract within the state is written as protobuf writes it.

use prost::Message;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<M: Message, S: Serializer>(message: &M, serializer: S) -> Result<S::Ok, S::Error> {
    message.encode_to_vec().serialize(serializer)
}

pub(super) fn deserialize<'de, M: Message + Default, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    let bytes: Vec<u8> = Deserialize::deserialize(deserializer)?;
    M::decode(bytes.as_slice()).map_err(D::Error::custom)
}
