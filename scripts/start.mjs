// npm start: the demonstration, from a bare clone.
process.argv.splice(2, 0, "demo");
await import("../bin/mayfail.mjs");
