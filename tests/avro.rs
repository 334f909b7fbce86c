//! The Avro libraries of Java and Python read the exported schemas and the golden messages: the
//! same fingerprints, the same values, no bytes left over.
//!
//! The libraries come from Maven Central and the Python Package Index and are cached under
//! `target/`. A missing tool fails the test and names what to install; nothing is skipped.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use floorcast::cli::schemas;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The packages that the tests need, by their names in Debian.
const JAVA: &str =
    "install Java 17 or newer and Maven: apt-get install openjdk-17-jdk-headless maven";
const PYTHON: &str = "install Python 3 with venv: apt-get install python3 python3-venv";

/// Runs a program to its end and returns its output; `remedy` says how to install a missing one.
fn run(command: &mut Command, remedy: &str) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|error| format!("cannot run {name}: {error}; {remedy}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        Ok(stdout)
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name} failed, {}: {stdout}\n{stderr}", output.status).into())
    }
}

/// A test's folder under `target/` with the libraries it needs. It is up to date when it was filled
/// for the same contents of the file that lists them.
struct LibraryFolder {
    path: PathBuf,
    requirements: String,
}

impl LibraryFolder {
    fn new(name: &str, list: &Path) -> Outcome<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path)?;
        Ok(Self { path, requirements: fs::read_to_string(list)? })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(self.path.join("made-for")).is_ok_and(|made| made == self.requirements)
    }

    fn mark_current(&self) -> Outcome {
        Ok(fs::write(self.path.join("made-for"), &self.requirements)?)
    }

    /// Exports the schemas: the self-contained ones, and those with references.
    fn export(&self) -> Outcome<[PathBuf; 2]> {
        let folders = [self.path.join("exported"), self.path.join("joined")];
        for (directory, joined) in folders.iter().zip([false, true]) {
            if directory.exists() {
                fs::remove_dir_all(directory)?;
            }
            let export = schemas::Command::Export { directory: directory.clone(), joined };
            export.run(&mut std::io::sink())?;
        }
        Ok(folders)
    }
}

fn golden() -> PathBuf {
    Path::new(ROOT).join("tests/avro/golden")
}

/// Whether a check reports that everything agrees. The numbers are counted here, so that it cannot
/// pass by checking nothing.
fn agree(output: &str) -> Outcome {
    let fingerprints = fs::read_to_string(golden().join("fingerprints.txt"))?.lines().count();
    let messages = fs::read_dir(golden())?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "hex"))
        .count();
    if fingerprints == 0 || messages == 0 {
        return Err("there are no golden messages".into());
    }
    let expected = format!("{fingerprints} schemas and {messages} messages agree");
    if output == expected {
        Ok(())
    } else {
        Err(format!("expected '{expected}', not '{output}'").into())
    }
}

#[test]
fn java_reads_every_schema_and_message_with_the_same_values() {
    if let Err(problem) = java() {
        panic!("{problem}");
    }
}

#[test]
fn python_reads_every_schema_and_message_with_the_same_values() {
    if let Err(problem) = python() {
        panic!("{problem}");
    }
}

fn java() -> Outcome {
    let java = Path::new(ROOT).join("tests/avro/java");
    let pom = java.join("pom.xml");
    let folder = LibraryFolder::new("avro-java", &pom)?;
    let libraries = folder.path.join("libraries");
    if !folder.is_current() {
        run(
            Command::new("mvn")
                .args(["--batch-mode", "--quiet", "--file"])
                .arg(&pom)
                .arg("dependency:copy-dependencies")
                .arg(format!("-DoutputDirectory={}", libraries.display())),
            JAVA,
        )?;
        folder.mark_current()?;
    }
    let [exported, joined] = folder.export()?;
    let output = run(
        Command::new("java")
            .args(["-Xmx256m", "-Dfile.encoding=UTF-8", "--class-path"])
            .arg(libraries.join("*"))
            .arg(java.join("CheckAvro.java"))
            .args([exported, joined, golden()]),
        JAVA,
    )?;
    agree(&output)
}

fn python() -> Outcome {
    let python = Path::new(ROOT).join("tests/avro/python");
    let requirements = python.join("requirements.txt");
    let folder = LibraryFolder::new("avro-python", &requirements)?;
    let environment = folder.path.join("environment");
    let interpreter = environment.join("bin/python");
    if !folder.is_current() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment), PYTHON)?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&interpreter).args(install).arg(&requirements), PYTHON)?;
        folder.mark_current()?;
    }
    let [exported, joined] = folder.export()?;
    let output = run(
        Command::new(&interpreter).arg(python.join("check_avro.py")).args([
            exported,
            joined,
            golden(),
        ]),
        PYTHON,
    )?;
    agree(&output)
}
