// Prints each result on a line of its own as it comes, so that a file that ends early still tells what it
// had.
{
  const { log } = console, { stringify } = JSON;
  const line = (record) => log("@@WPT " + stringify(record));
  const text = (value) => value == null ? null : String(value).toWellFormed().slice(0, 1000);
  setup({ output: false });
  add_result_callback((test) => line({ name: text(test.name), status: test.status, message: text(test.message) }));
  add_completion_callback((_, harness) => line({ end: harness.status, message: text(harness.message) }));
  // The harness sets no limits outside a page; tests that wait for ever are ended by this, and counted.
  setTimeout(timeout, TIMEOUT);
}
