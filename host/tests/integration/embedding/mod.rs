//! The host as a library: what a program that embeds it says, and what comes back.

mod builder;
mod call;
mod clock;
mod examples;
mod greeter;
mod versions;
