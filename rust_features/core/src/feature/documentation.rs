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
                "| name | unit | meaning | missing | range | example |\n| --- | --- | --- | --- | --- | --- |"
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
        example: (value, says),
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
        "| `{name}` | {unit} | {meaning} | {missing} | {} to {} | {value}: {says} |",
        bound(range.0),
        bound(range.1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{ACTION_COUNT, CONTEXT_COUNT, arrow_fields};

    #[test]
    fn every_feature_has_a_name_of_its_own_and_a_line_on_the_page() {
        let page = documentation();
        for (place, feature) in TABLE.iter().enumerate() {
            assert_eq!(
                TABLE.iter().filter(|other| other.name == feature.name).count(),
                1,
                "{}",
                feature.name
            );
            assert!(page.contains(&format!("| `{}` |", feature.name)));
            let (value, says) = feature.example;
            let (least, most) = feature.range;
            assert!((least..=most).contains(&value) && !says.is_empty(), "{}", feature.name);
            assert_eq!(feature.is_action(), place >= CONTEXT_COUNT);
            assert_eq!(arrow_fields()[place].name(), feature.name);
        }
        assert_eq!(TABLE.iter().filter(|feature| feature.is_action()).count(), ACTION_COUNT);
        assert!(page.contains(&schema_hash()));
    }
}
