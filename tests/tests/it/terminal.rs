//! `nano top` on a terminal: a pseudo-terminal shows what it draws, takes keys, changes its size, and is as
//! it was before at the end.

use nano_tests::{Dir, Nano, Options, PATIENCE, get, nano};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

const TOKEN: &str = "correct horse";

/// A program on a terminal.
struct Terminal {
    master: File,
    slave: OwnedFd,
    child: Child,
    /// What it has drawn, as it comes.
    drawn: Receiver<Vec<u8>>,
    seen: String,
    before: libc::termios,
}

fn size(width: u16, height: u16) -> libc::winsize {
    libc::winsize { ws_col: width, ws_row: height, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Terminal {
    fn start(command: &mut Command, width: u16, height: u16) -> Self {
        let (mut master, mut slave) = (-1, -1);
        let size = size(width, height);
        // SAFETY: both places are written to, no name is wanted, and the size is read.
        let opened = unsafe {
            libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &raw const size)
        };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: both were just opened, and are nobody else's.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let end = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: both may be called between fork and exec: the terminal becomes the child's own, so that it
        // hears of its size.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let before = modes(&slave);
        let child = command.spawn().unwrap();
        let mut reader = master.try_clone().unwrap();
        let (told, drawn) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                if told.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { master, slave, child, drawn, seen: String::new(), before }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&self, width: u16, height: u16) {
        let size = size(width, height);
        // SAFETY: the size is read.
        assert_eq!(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    }

    /// Waits until what was drawn since the last call is as wanted, and returns it.
    fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        while !wanted(&self.seen) {
            let left = until.saturating_duration_since(Instant::now());
            match self.drawn.recv_timeout(left) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("{what} is not drawn: {:?}", self.seen),
            }
        }
        std::mem::take(&mut self.seen)
    }

    fn wait_for(&mut self, text: &str) -> String {
        self.wait(text, |seen| seen.contains(text))
    }

    /// It ends by itself, and leaves the terminal as it has found it.
    fn ended(mut self) {
        let last = self.wait_for("\x1b[?1049l");
        assert!(last.contains("\x1b[?25h") || self.wait_for("\x1b[?25h").contains("\x1b[?25h"));
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let after = modes(&self.slave);
        assert_eq!(after.c_lflag, self.before.c_lflag);
        assert_eq!(after.c_oflag, self.before.c_oflag);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modes(terminal: &OwnedFd) -> libc::termios {
    // SAFETY: all zero is a value of that type, which is written to.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut modes) }, 0);
    modes
}

/// What is drawn between the commands to the terminal.
fn texts(drawn: &str) -> Vec<&str> {
    let after_command =
        |part: &'_ str| part.find(|letter: char| letter.is_ascii_alphabetic()).map(|at| at + 1);
    drawn.split('\x1b').skip(1).filter_map(|part| part.get(after_command(part)?..)).collect()
}

#[test]
fn top_draws_takes_keys_and_leaves_the_terminal_as_it_was() {
    let hello = "export default { fetch: () => new Response('hello') };";
    let config = r#"{ "apps": [{ "name": "first", "path": "a.js" }, { "name": "second", "path": "a.js" }] }"#;
    let dir = Dir::new(&[("a.js", hello), ("nano.jsonc", config)]);
    let options = Options::args(&["--admin", "127.0.0.1:0", "--no-request-log"]);
    let server = Nano::config(dir, options.env("NANO_ADMIN_TOKEN", TOKEN));
    let admin = server.errors.wait("the administration's address", |line| {
        Some(line.split("administration at http://").nth(1)?.trim().to_owned())
    });
    get(server.port(), "first", "/");
    let top = |width, height| {
        let mut command = Command::new(nano());
        command.args(["top", "--admin", &admin]).env("NANO_ADMIN_TOKEN", TOKEN).env("TERM", "xterm");
        Terminal::start(&mut command, width, height)
    };
    let mut terminal = top(160, 12);
    let first = terminal.wait("the table", |seen| seen.contains("second") && seen.contains("first"));
    assert!(first.contains("\x1b[?1049h") && first.contains("APPLICATION"), "{first:?}");
    assert!(first.contains("by requests"), "{first:?}");
    assert_eq!(modes(&terminal.slave).c_lflag & libc::ICANON, 0, "keys come one by one");
    for (key, order) in [("m", "memory"), ("e", "errors"), ("l", "latency"), ("c", "cpu"), ("r", "requests")]
    {
        terminal.press(key);
        terminal.wait_for(&format!("by {order}"));
    }
    // In a smaller window nothing is wider or longer than it.
    terminal.resize(30, 3);
    let whole = |text: &&str| text.chars().count() == 30;
    let drawn =
        terminal.wait("a narrow table", |seen| texts(seen).iter().filter(|text| whole(text)).count() >= 2);
    let narrow: Vec<&str> = texts(&drawn);
    assert!(narrow.last().is_some_and(|text| text.chars().count() <= 30), "{narrow:?}");
    terminal.press("q");
    terminal.ended();
    // In a window of one line, and ended as programs are.
    let mut terminal = top(20, 1);
    terminal.wait_for("NANO");
    terminal.press("\x03");
    terminal.ended();
    // A server that ends is said to be gone, not the end of the program.
    let mut terminal = top(160, 12);
    terminal.wait_for("APPLICATION");
    server.stop();
    terminal.wait("what is wrong", |seen| seen.contains("does not answer"));
    terminal.press("\x1b");
    terminal.ended();
}
