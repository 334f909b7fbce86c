//! What is exported and written is read by Java's and Python's own Avro libraries: the same
//! fingerprints, the same values, nothing left over.
//!
//! The libraries come from Maven Central and the Python Package Index and are kept under `target/`.
//! A tool that is missing fails the test with what to install; nothing is skipped.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use floorcast::cli::schemas;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Debian's packages for both tests; others have them under like names.
const JAVA: &str =
    "install Java 17 or newer and Maven: apt-get install openjdk-17-jdk-headless maven";
const PYTHON: &str = "install Python 3 with venv: apt-get install python3 python3-venv";

/// Runs a program to its end and gives what it said; `remedy` is for one that is not there.
fn run(command: &mut Command, remedy: &str) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|error| format!("cannot run {name}: {error}; {remedy}"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        Ok(said)
    } else {
        let complained = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name} failed, {}: {said}\n{complained}", output.status).into())
    }
}

/// A folder under `target/` of this test's own, and whether what belongs into it is there: made
/// by the same version of the file that says what it needs.
struct Workshop {
    folder: PathBuf,
    needs: String,
}

impl Workshop {
    fn new(name: &str, needs: &Path) -> Outcome<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, needs: fs::read_to_string(needs)? })
    }

    fn is_ready(&self) -> bool {
        fs::read_to_string(self.folder.join("made-for")).is_ok_and(|made| made == self.needs)
    }

    fn ready(&self) -> Outcome {
        Ok(fs::write(self.folder.join("made-for"), &self.needs)?)
    }

    /// Exports the schemas afresh: the self-contained ones, and those that name each other.
    fn export(&self) -> Outcome<[PathBuf; 2]> {
        let folders = [self.folder.join("exported"), self.folder.join("joined")];
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

/// Whether a check said that all agrees. Counted here, so that it cannot pass by reading nothing.
fn agree(said: &str) -> Outcome {
    let fingerprints = fs::read_to_string(golden().join("fingerprints.txt"))?.lines().count();
    let messages = fs::read_dir(golden())?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "hex"))
        .count();
    if fingerprints == 0 || messages == 0 {
        return Err("there are no golden messages".into());
    }
    let expected = format!("{fingerprints} schemas and {messages} messages agree");
    if said == expected {
        Ok(())
    } else {
        Err(format!("expected '{expected}', not '{said}'").into())
    }
}

#[test]
fn java_reads_every_schema_and_message_as_they_were_meant() {
    if let Err(problem) = java() {
        panic!("{problem}");
    }
}

#[test]
fn python_reads_every_schema_and_message_as_they_were_meant() {
    if let Err(problem) = python() {
        panic!("{problem}");
    }
}

fn java() -> Outcome {
    let java = Path::new(ROOT).join("tests/avro/java");
    let pom = java.join("pom.xml");
    let workshop = Workshop::new("avro-java", &pom)?;
    let libraries = workshop.folder.join("libraries");
    if !workshop.is_ready() {
        run(
            Command::new("mvn")
                .args(["--batch-mode", "--quiet", "--file"])
                .arg(&pom)
                .arg("dependency:copy-dependencies")
                .arg(format!("-DoutputDirectory={}", libraries.display())),
            JAVA,
        )?;
        workshop.ready()?;
    }
    let [exported, joined] = workshop.export()?;
    let said = run(
        Command::new("java")
            .args(["-Xmx256m", "-Dfile.encoding=UTF-8", "--class-path"])
            .arg(libraries.join("*"))
            .arg(java.join("CheckAvro.java"))
            .args([exported, joined, golden()]),
        JAVA,
    )?;
    agree(&said)
}

fn python() -> Outcome {
    let python = Path::new(ROOT).join("tests/avro/python");
    let requirements = python.join("requirements.txt");
    let workshop = Workshop::new("avro-python", &requirements)?;
    let environment = workshop.folder.join("environment");
    let interpreter = environment.join("bin/python");
    if !workshop.is_ready() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment), PYTHON)?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&interpreter).args(install).arg(&requirements), PYTHON)?;
        workshop.ready()?;
    }
    let [exported, joined] = workshop.export()?;
    let said = run(
        Command::new(&interpreter).arg(python.join("check_avro.py")).args([
            exported,
            joined,
            golden(),
        ]),
        PYTHON,
    )?;
    agree(&said)
}
