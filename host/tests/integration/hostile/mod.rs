//! What is sent, or runs, to do harm: what it got of that, that its neighbours were served meanwhile, and that nothing of it
//! is left.

mod admin;
mod bytes;
mod clients;
mod compiling;
mod connections;
mod fairness;
mod floods;
mod handshakes;
mod keys;
mod memory;
mod postgres;
mod rules;
mod secrets;
