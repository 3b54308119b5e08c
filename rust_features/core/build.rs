//! Generates the contract types from `proto/` in pure Rust: no protoc needed. From the same descriptors come the
//! sentences of the reason table and the names of the event kinds, so that neither is written twice.

use std::fmt::Write as _;
use std::path::Path;

use prost_types::FileDescriptorSet;

const PACKAGE: &str = ".cart_recovery.v1";
/// What the state holds of the contract, and a snapshot writes.
const ENUMS_IN_STATE: [&str; 8] = [
    "Channel",
    "ConsentPurpose",
    "ConsentState",
    "DeviceClass",
    "DoubleOptIn",
    "IdentityKeyKind",
    "LegalBasis",
    "Reason",
];
const MESSAGES_IN_STATE: [&str; 2] = ["ChannelUpdated", "Money"];
const AS_NUMBER: &str = "#[derive(serde::Serialize, serde::Deserialize)] #[serde(into = \"i32\", try_from = \"i32\")]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    let folder = root.join("cart_recovery/v1");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let descriptors = protox::compile(&files, [root])?;
    let names = reason_sentences(&descriptors)? + &kind_names(&descriptors)?;
    let output = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&output).join("names.rs"), names)?;
    let mut config = prost_build::Config::new();
    for name in ENUMS_IN_STATE {
        config.enum_attribute(format!("{PACKAGE}.{name}"), AS_NUMBER);
    }
    for name in MESSAGES_IN_STATE {
        config.message_attribute(
            format!("{PACKAGE}.{name}"),
            "#[derive(serde::Serialize, serde::Deserialize)]",
        );
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

fn reason_sentences(descriptors: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut code = String::from(
        "impl Reason {\n/// What a person reads, and after the semicolon the remedy.\n#[must_use]\n\
         pub fn sentence(self) -> &'static str {\nmatch self as i32 {\n",
    );
    for file in &descriptors.file {
        let Some(index) = file.enum_type.iter().position(|item| item.name() == "Reason") else {
            continue;
        };
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            // Path of an enum value: field 5 of the file, the enum, field 2 of the enum, the value.
            let [5, at, 2, value] = location.path[..] else {
                continue;
            };
            if usize::try_from(at) != Ok(index) {
                continue;
            }
            let number = usize::try_from(value)
                .ok()
                .and_then(|value| file.enum_type[index].value.get(value));
            let sentence = location
                .leading_comments()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            if let Some(number) = number {
                writeln!(code, "{} => {sentence:?},", number.number())?;
            }
        }
    }
    code.push_str("_ => \"No reason was given.\",\n}\n}\n}\n");
    Ok(code)
}

fn kind_names(descriptors: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut code = String::from(
        "impl event::Kind {\n/// The kind's name in subjects and counts: the name of its field.\n#[must_use]\n\
         pub fn name(&self) -> &'static str {\nmatch self {\n",
    );
    let messages = descriptors.file.iter().flat_map(|file| &file.message_type);
    for message in messages.filter(|message| message.name() == "Event") {
        for field in message.field.iter().filter(|field| field.oneof_index.is_some()) {
            let variant: String = field.name().split('_').map(capitalised).collect();
            writeln!(code, "Self::{variant}(_) => {:?},", field.name())?;
        }
    }
    code.push_str("}\n}\n}\n");
    Ok(code)
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1.min(word.len()));
    first.to_ascii_uppercase() + rest
}
