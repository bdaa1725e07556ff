//! A machine that lacks a layer, as kernels do that are too old: nothing starts there, and the layer and the way out are
//! named. Only who asks for less gets less, by its name.

use bulkhead_sandbox::{Jail, Layer, SpawnError, layer};

use crate::kill::offspring;
use crate::layers::kernels_abi;
use crate::stage::{lacking, lacking_of_guests, roster, run, until};
use crate::{Check, guest};

/// Run where something lacks, in place of what cannot be tried there.
pub(crate) const CHECKS: &[Check] = &[
    ("lacking: nothing starts, and why is said", nothing_starts_and_why_is_said),
    ("lacking: a reduced jail says what it has not", a_reduced_jail_says_what_it_has_not),
    ("lacking: it lacks what the kernel has not", it_lacks_what_the_kernel_has_not),
];

fn names(layers: &[Layer]) -> Vec<&str> {
    layers.iter().map(|layer| layer.name.as_str()).collect()
}

/// A role of the spawner's, or a program that does nothing: the layers that it lacks, or the refusal.
fn started(guest: bool, reduced: bool) -> Result<Vec<Layer>, SpawnError> {
    let roster = roster();
    let had = run(async {
        if guest {
            let jail = Jail { system: Some(guest::system()), reduced, ..Jail::default() };
            let launched = roster.launch("a", &jail, guest::command(&["true"], "/".as_ref())).await?;
            Ok(launched.layers().to_vec())
        } else {
            let jail = Jail { reduced, ..Jail::default() };
            Ok(roster.spawn("a", "jailed", &jail).await?.layers().to_vec())
        }
    });
    until("nothing is left", || roster.count("a") == 0 && (reduced || offspring(&roster).is_empty()));
    had.map(|layers| layers.into_iter().filter(Layer::is_missed).collect())
}

fn nothing_starts_and_why_is_said() {
    for (guest, lacking) in [(false, lacking()), (true, lacking_of_guests())] {
        match started(guest, false) {
            Ok(_) => assert!(lacking.is_empty(), "it started without {:?}", names(&lacking)),
            Err(SpawnError::Refused { layer, why, mend }) => {
                assert!(names(&lacking).contains(&layer.as_str()), "{layer} was not missed: {lacking:?}");
                assert!(!why.is_empty() && !mend.is_empty(), "{layer}: {why}; {mend}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn a_reduced_jail_says_what_it_has_not() {
    for (guest, lacking) in [(false, lacking()), (true, lacking_of_guests())] {
        match started(guest, true) {
            Ok(had) => assert_eq!(names(&had), names(&lacking), "guest: {guest}"),
            // What a guest does not go without in any case.
            Err(SpawnError::Refused { layer, .. }) => assert!(guest && names(&lacking).contains(&&*layer)),
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// The product's word is held against the kernel's own.
fn it_lacks_what_the_kernel_has_not() {
    const OLDEST: i64 = 3;
    let lacks = |layers: &[Layer], name: &str| names(layers).contains(&name);
    assert_eq!(lacks(&lacking(), layer::LANDLOCK), kernels_abi() < OLDEST, "ABI {}", kernels_abi());
    let unbounded = rustix::process::getuid().is_root() && lacks(&lacking_of_guests(), layer::LIMITS);
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(!unbounded || version < (6, 14), "{release} bounds root's processes");
}
