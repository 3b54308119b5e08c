//! Small libraries with tl2cgen's interface, built with the system's C compiler, for tests.

use std::fmt::Write;
use std::process::Command;

/// One stump per feature: `weight / 2` above 0, `-weight / 2` up to it, −100 where it is missing.
pub(crate) struct Model {
    pub(crate) features: usize,
    pub(crate) weights: Vec<f64>,
    pub(crate) leaf_type: &'static str,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            features: 1,
            weights: vec![1.0],
            leaf_type: "float64",
        }
    }
}

impl Model {
    /// What the library answers for a row.
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        self.weights.iter().zip(row).fold(0.0, |sum, (weight, value)| {
            sum + if value.is_nan() {
                -100.0
            } else if *value > 0.0 {
                weight / 2.0
            } else {
                -weight / 2.0
            }
        })
    }

    fn source(&self) -> String {
        let mut source = format!(
            "#include <stdint.h>\n\
             union Entry {{ int missing; double fvalue; int qvalue; }};\n\
             int32_t get_num_target(void) {{ return 1; }}\n\
             void get_num_class(int32_t* out) {{ out[0] = 1; }}\n\
             int32_t get_num_feature(void) {{ return {}; }}\n\
             const char* get_threshold_type(void) {{ return \"float64\"; }}\n\
             const char* get_leaf_output_type(void) {{ return \"{}\"; }}\n\
             void predict(union Entry* data, int pred_margin, double* result) {{\n",
            self.features, self.leaf_type
        );
        for (index, weight) in self.weights.iter().enumerate() {
            let half = weight / 2.0;
            writeln!(
                source,
                "if (data[{index}].missing == -1) result[0] += -100.0; \
                 else if (data[{index}].fvalue <= 0.0) result[0] += -({half:?}); else result[0] += {half:?};"
            )
            .unwrap();
        }
        source + "}\n"
    }
}

/// The bytes of the library, or `None` (and a word on stderr) where there is no compiler.
pub(crate) fn build(model: &Model) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("model.c"), folder.path().join("model.so"));
    std::fs::write(&source, model.source()).unwrap();
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    match compiler {
        Ok(status) => {
            assert!(status.success(), "the compiler refused the model");
            Some(std::fs::read(library).unwrap())
        }
        Err(error) => {
            eprintln!("skipped: no C compiler ({error})");
            None
        }
    }
}
