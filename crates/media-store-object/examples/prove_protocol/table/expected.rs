//! By which rule each weakened variant must be caught: another one would show something else than it is about.

/// Returns the rule that a weakened variant breaks first.
pub(crate) fn expected(name: &str) -> Option<&'static str> {
    let rules = RULES.iter();
    let mut rules = rules.filter(|(_, variants)| variants.contains(&name));
    rules.next().map(|(rule, _)| *rule)
}

/// Rules, and the variants that break them.
const RULES: &[(&str, &[&str])] = &[
    (
        "the bytes of an acknowledged reference are gone",
        &[
            "marker, then list and delete",
            "bytes put again, delete if the content is the same",
            "BelievedBurial",
            "WriterRemovesBytes",
            "BytesAfterPublication",
            "PublishedOverNewer",
            "BegunAnewInDoubt",
            "NoFence",
            "GenerationReused",
            "DeleteRemovesBytes",
        ],
    ),
    (
        "an acknowledged reference is in a generation that is lost",
        &[
            "OneStepDead",
            "UnconditionalBurial",
            "NoSecondLook",
            "NoSecondRead",
            "MarkerAfterCheck",
            "NoRevival",
            "StaleNonce",
            "second: FirstObjectOnly",
            "second: MarkerInDoubt",
            "second: NoSecondRead",
            "second: OneStepDead",
            "second: NoSecondLook",
            "imports: NoSecondRead",
        ],
    ),
    (
        "a writer that lost a race left its bytes",
        &["LoserKeepsBytes"],
    ),
    (
        "a deletion that stopped here cannot be finished",
        &["SidecarFirst"],
    ),
    (
        "the sidecar of an acknowledged reference names another",
        &["another attempt under the same name, sidecars copied"],
    ),
    (
        "an acknowledged reference is not readable",
        &[
            "second: OverwritingMarker",
            "second: NoReread",
            "second: SealInDoubt",
            "second: RetiredUnconditionally",
            "second: TombstonesDieWithGeneration",
            "second: PublishedBytesRemoved",
            "imports: RetiredUnconditionally",
            "imports: SealedNotLookedFor",
            "imports: ReadBeforeSeal",
            "imports: ClosedWithoutVersion",
        ],
    ),
    (
        "a deleted reference is listed again",
        &[
            "second: OverwritingSidecar",
            "second: NoSidecarTombstone",
            "second: EarlyRemoval",
            "update: UpdateOverSidecar",
        ],
    ),
    (
        "a deleted reference is readable again",
        &[
            "second: NoMarkerTombstone",
            "second: SidecarBuriedFirst",
            "second: VersionIgnored",
            "imports: DeletedTakenForRetired",
            "update: UpdateOverMarker",
        ],
    ),
    (
        "a reference of a deleted scope is readable",
        &[
            "second: TrustedSidecar",
            "second: TrustedProvisional",
            "second: SealedBesideSidecar",
        ],
    ),
    (
        "the sidecar of an acknowledged reference is gone",
        &[
            "second: RetiredUnseen",
            "second: RestoredIsOwn",
            "second: UnconditionalSeal",
        ],
    ),
    (
        "the marker of an acknowledged reference is gone",
        &["second: OneSpace", "second: FirstTakenForSecond"],
    ),
    (
        "an import that is repeated does not complete",
        &[
            "imports: ImportBuries",
            "imports: SidecarRetiredUnconditionally",
        ],
    ),
    (
        "the sidecar of an acknowledged import is gone",
        &[
            "imports: RetiredUnseen",
            "imports: OverwritingSidecar",
            "imports: RetiredNotClosed",
        ],
    ),
    (
        "an acknowledged update is lost",
        &["update: UpdateBelieved", "update: UpdateWithoutMarker"],
    ),
    (
        "an acknowledged reference is not in the index",
        &[
            "update: EntryNamedByUser, live",
            "update: EntryKeptBehind, live",
            "update: EntryNotWritten, live",
        ],
    ),
];
