//! The oracle of `formData()`, as JavaScript: a body of the type multipart/form-data whose boundary is `x` is
//! refused with a TypeError, or gives entries that are the same when they are written and read again.

/// A script: a function of the body's bytes, which gives a promise. It is rejected if something does not
/// hold.
pub const CHECK: &str = r#"
(async (bytes) => {
  const parse = (body, type) => new Response(body, { headers: { "content-type": type } }).formData();
  let form;
  try {
    form = await parse(bytes, "multipart/form-data; boundary=x");
  } catch (error) {
    if (error instanceof TypeError) return;
    throw error;
  }
  // Texts are written with the line breaks of forms, and a file without a type with that of bytes. Names are
  // written with escapes for line breaks and quotes; where a name has such an escape itself (no quotes were
  // around it), nobody can tell it from what it stands for.
  const lines = (text) => text.replace(/\r\n|\r|\n/g, "\r\n");
  const plain = (name) => name.replace(/%0A/g, "\n").replace(/%0D/g, "\r").replace(/%22/g, '"').replace(/[\r\n]+/g, "\n");
  const describe = async (form) => {
    const list = [];
    for (const [name, value] of form) {
      if (typeof value === "string") list.push([plain(name), lines(value)]);
      else list.push([plain(name), plain(value.name), value.type || "application/octet-stream", [...new Uint8Array(await value.arrayBuffer())].join()]);
    }
    return list;
  };
  const entries = await describe(form);
  const received = new TextDecoder().decode(bytes).length + bytes.length;
  let taken = 0;
  for (const [name, value] of form) taken += name.length + (typeof value === "string" ? value.length : value.size);
  if (taken > received) throw new Error(`${taken} of ${received}`);
  const again = await new Response(form).formData();
  const [first, second] = [JSON.stringify(entries), JSON.stringify(await describe(again))];
  if (first !== second) throw new Error(`${first} became ${second}`);
})
"#;
