//! The documentation page of the features, written from the table.

use std::fmt::{self, Write};

use super::schema::schema_hash;
use super::table::TABLE;
use super::{Feature, Group};

/// The page in Markdown.
#[must_use]
pub fn documentation() -> String {
    let mut page = String::new();
    let written = write_page(&mut page);
    debug_assert!(written.is_ok(), "a string takes every write");
    page
}

fn write_page(page: &mut String) -> fmt::Result {
    writeln!(page, "# Features\n")?;
    writeln!(
        page,
        "{} features, `f32`, missing is NaN. Schema `{}`.",
        TABLE.len(),
        schema_hash()
    )?;
    let mut group: Option<Group> = None;
    for feature in &TABLE {
        if group != Some(feature.group) {
            group = Some(feature.group);
            writeln!(page, "\n## {}\n", feature.group.name())?;
            writeln!(
                page,
                "| name | unit | meaning | missing | range |\n| --- | --- | --- | --- | --- |"
            )?;
        }
        write_row(page, feature)?;
    }
    Ok(())
}

fn write_row(page: &mut String, feature: &Feature) -> fmt::Result {
    let Feature {
        name,
        unit,
        meaning,
        missing,
        range,
        ..
    } = feature;
    let bound = |value: f32| {
        if value.abs() < f32::MAX {
            value.to_string()
        } else {
            "unbounded".to_owned()
        }
    };
    writeln!(
        page,
        "| `{name}` | {unit} | {meaning} | {missing} | {} to {} |",
        bound(range.0),
        bound(range.1)
    )
}
