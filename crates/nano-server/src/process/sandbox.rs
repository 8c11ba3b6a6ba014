//! The rights that the process gives up once it has what it needs: on Linux, Landlock takes away writing,
//! executing and (for a configuration) reading elsewhere; seccomp takes away system calls that no server
//! makes. Both hold for every thread that is started afterwards, and for good.
//!
//! A fault in V8 or in our own code gives an attacker no more than this. A tenant's rights are decided
//! elsewhere.

use crate::config::Config;
use std::path::{Path, PathBuf};

/// The outcome, for the log.
pub(crate) struct Entered {
    /// The restrictions that hold.
    pub(crate) holds: Vec<&'static str>,
    /// The restrictions that do not hold, and why.
    pub(crate) lacks: Vec<String>,
}

/// Directories of the system that are read at run time, for: names, certificates, time zones, shared
/// libraries of the resolver, processors, memory.
const SYSTEM: [&str; 9] =
    ["/etc", "/usr", "/lib", "/lib64", "/run", "/proc", "/sys", "/dev", "/var/lib/ca-certificates"];

/// Directories and files that are read while a configuration is served. Nothing else will be, whatever a
/// later configuration says.
fn readable(config: &Config) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    let mut beside = |path: &Path| {
        // Also what will be beside it: the next release, a renewed certificate, one more application.
        for path in [Some(path.to_owned()), path.canonicalize().ok()].into_iter().flatten() {
            paths.push(match path.parent() {
                Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
                Some(parent) if parent.parent().is_some() => parent.to_owned(),
                _ => path,
            });
        }
    };
    config.file.iter().for_each(|file| beside(file));
    config.network.ca_file.iter().for_each(|file| beside(file));
    for certificate in &config.certificates {
        beside(&certificate.cert);
        beside(&certificate.key);
    }
    for app in &config.apps {
        beside(&app.path);
    }
    paths.extend(config.apps.iter().map(|app| app.path.clone()));
    paths.extend(config.sandbox.read.iter().cloned());
    paths
}

/// Gives up what is not needed any more. To be called before other threads are started.
#[cfg(target_os = "linux")]
pub(crate) fn enter(config: &Config) -> Entered {
    let mut entered = Entered { holds: Vec::new(), lacks: Vec::new() };
    match linux::landlock(config) {
        Ok(true) => entered.holds.push("landlock"),
        Ok(false) => entered.lacks.push("landlock: the kernel does not have it".into()),
        Err(error) => entered.lacks.push(format!("landlock: {error}")),
    }
    match linux::seccomp() {
        Ok(()) => entered.holds.push("seccomp"),
        Err(error) => entered.lacks.push(format!("seccomp: {error}")),
    }
    entered
}

/// There is nothing of the kind.
#[cfg(not(target_os = "linux"))]
pub(crate) fn enter(_: &Config) -> Entered {
    Entered { holds: Vec::new(), lacks: vec!["this system has neither landlock nor seccomp".into()] }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Config, Path, readable};
    use landlock::{
        ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        path_beneath_rules,
    };
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// System calls that get EPERM: starting programs, looking into other processes, changing the machine,
    /// and what is known best for its faults. Whatever V8, the C library and its resolver need is let
    /// through, so that no update of theirs breaks a server.
    const DENIED: &[libc::c_long] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_open_by_handle_at,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_adjtimex,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_personality,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setreuid,
        libc::SYS_setregid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
    ];

    /// False: the kernel does not have it.
    pub(super) fn landlock(config: &Config) -> Result<bool, landlock::RulesetError> {
        let abi = ABI::V5;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        // An application served alone may import from anywhere.
        let paths = if config.file.is_some() { readable(config) } else { vec!["/".into()] };
        let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?.create()?;
        rules = rules.add_rules(path_beneath_rules(paths, read))?;
        // The cache of applications is on disk in a file without a name.
        let write: BitFlags<AccessFs> =
            read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
        rules = rules.add_rules(path_beneath_rules([std::env::temp_dir()], write))?;
        let null = Path::new("/dev/null");
        rules = rules.add_rules(path_beneath_rules([null], AccessFs::ReadFile | AccessFs::WriteFile))?;
        Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
    }

    pub(super) fn seccomp() -> Result<(), Box<dyn std::error::Error>> {
        let rules = DENIED.iter().map(|call| (*call, Vec::new())).collect();
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(libc::EPERM as u32),
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter(&program)?)
    }
}
