//! What the black-box tests share: starting the binary, raw HTTP clients.
