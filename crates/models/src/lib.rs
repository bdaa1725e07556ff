//! Model servers: OpenAI-compatible ones, and the rehearsal model.
