//! The tests that go through the public interface, and those that need more than this program.

mod avro;
