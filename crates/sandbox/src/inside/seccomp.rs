//! seccomp: only the system calls that a jailed program needs; any other fails with `EPERM`.
//!
//! The calls are data, in [`allowed`]. This file turns them into a filter and puts it in force.
//! A call of another architecture ends the process.

mod allowed;
mod guest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustix::process::getpid;
use rustix::thread::{SecureComputingMode, secure_computing_mode};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use self::allowed::{Allowed, EVERYONE, FILES, When};
use self::guest::{GUEST, GUEST_OLDER, GUEST_UNIX, INIT, PROBED};
use super::{Laid, LayerError};

impl From<BackendError> for LayerError {
    fn from(error: BackendError) -> Self {
        Self::Lacking(error.to_string())
    }
}

/// Puts the filter in force: for every jailed program, and the calls on files if the jail names some.
pub(crate) fn restrict(files: bool) -> Laid {
    tighten(&calls(files))
}

/// Puts the filter for a program in force that nobody here wrote. A child has it too. `unix`: something else
/// keeps it from the machine's own Unix sockets.
pub(crate) fn restrict_guest(unix: bool) -> Laid {
    let calls = guest_calls(unix);
    apply(&compile(&calls)?)?;
    // Of two filters that refuse, the later one's reason counts.
    apply(&unknown(PROBED)?)?;
    match secure_computing_mode() {
        Ok(SecureComputingMode::Filter) => Ok(format!("{} calls allowed, all others refused", calls.len())),
        other => Err(LayerError::Lacking(format!("the filter is not in force: {other:?}"))),
    }
}

/// Takes from the first process of a guest's jail what it needed to start the program.
pub(crate) fn restrict_init() -> Laid {
    let calls: Vec<&Allowed> = EVERYONE.iter().chain(INIT).collect();
    tighten(&calls)
}

fn apply(program: &BpfProgram) -> Result<(), LayerError> {
    seccompiler::apply_filter(program).map_err(|error| LayerError::Lacking(error.to_string()))
}

fn tighten(calls: &[&Allowed]) -> Laid {
    apply(&compile(calls)?)?;
    // `prctl` is no longer allowed, so an answer would mean that the filter is not there.
    match secure_computing_mode() {
        Err(rustix::io::Errno::PERM) => Ok(format!("{} calls allowed, all others refused", calls.len())),
        Ok(SecureComputingMode::Filter) => {
            Err(LayerError::Lacking("the filter lets too much through".into()))
        }
        other => Err(LayerError::Lacking(format!("the filter is not in force: {other:?}"))),
    }
}

fn calls(files: bool) -> Vec<&'static Allowed> {
    EVERYONE.iter().chain(FILES.iter().filter(|_| files)).collect()
}

fn guest_calls(unix: bool) -> Vec<&'static Allowed> {
    GUEST.iter().chain(GUEST_OLDER).chain(GUEST_UNIX.iter().filter(|_| unix)).collect()
}

/// A filter that lets everything through but these, which look as if the kernel did not know them.
fn unknown(calls: &[i64]) -> Result<BpfProgram, BackendError> {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

fn compile(calls: &[&Allowed]) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for allowed in calls {
        let ways = rules.entry(allowed.call).or_default();
        let conditions = conditions(allowed.when)?;
        if !conditions.is_empty() {
            ways.push(SeccompRule::new(conditions)?);
        }
    }
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}

fn conditions(when: When) -> Result<Vec<SeccompCondition>, BackendError> {
    let int = |argument, op, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value);
    let lacks = |(argument, bits)| int(argument, SeccompCmpOp::MaskedEq(bits), 0);
    Ok(match when {
        When::Always => vec![],
        When::Is(argument, value) => vec![int(argument, SeccompCmpOp::Eq, value)?],
        When::Not(argument, value) => vec![int(argument, SeccompCmpOp::Ne, value)?],
        When::IsButNot((one, is), (other, not)) => {
            vec![int(one, SeccompCmpOp::Eq, is)?, int(other, SeccompCmpOp::Ne, not)?]
        }
        When::Lacks(argument, bits) => vec![lacks((argument, bits))?],
        When::BothLack(one, two) => vec![lacks(one)?, lacks(two)?],
        When::Null(argument) => {
            vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?]
        }
        When::Masked(which) => {
            let masked = |(argument, mask, value): &(u8, u64, u64)| {
                int(*argument, SeccompCmpOp::MaskedEq(*mask), *value)
            };
            which.iter().map(masked).collect::<Result<_, _>>()?
        }
        When::Own(argument) => {
            let own = getpid().as_raw_nonzero().get().unsigned_abs();
            vec![int(argument, SeccompCmpOp::Eq, own.into())?]
        }
    })
}
