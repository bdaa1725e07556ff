//! seccomp: only the system calls that a jailed program needs; any other fails with `EPERM`.
//!
//! The calls are data, in [`allowed`]. This file turns them into a filter and puts it in force.
//! A call of another architecture ends the process.

mod allowed;
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
use super::{Laid, LayerError};

impl From<BackendError> for LayerError {
    fn from(error: BackendError) -> Self {
        Self::Lacking(error.to_string())
    }
}

/// Puts the filter in force: for every jailed program, and the calls on files if the jail names some.
pub(crate) fn restrict(files: bool) -> Laid {
    let calls = calls(files);
    let program = compile(&calls)?;
    seccompiler::apply_filter(&program).map_err(|error| LayerError::Lacking(error.to_string()))?;
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
        When::Lacks(argument, bits) => vec![lacks((argument, bits))?],
        When::BothLack(one, two) => vec![lacks(one)?, lacks(two)?],
        When::Null(argument) => {
            vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?]
        }
        When::Own(argument) => {
            let own = getpid().as_raw_nonzero().get().unsigned_abs();
            vec![int(argument, SeccompCmpOp::Eq, own.into())?]
        }
    })
}
