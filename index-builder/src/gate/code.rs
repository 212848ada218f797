//! The codes of CONTRACT 1.2: why a row is not admitted, each with the clause of the notice
//! (粤人社函〔2020〕61号) that it keeps.

/// Why a row is rejected, or warned about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Code {
    NumberMalformed,
    InstitutionUnknown,
    NumberNotInSegment,
    NumberYearMismatch,
    NumberLevelMismatch,
    NumberDuplicate,
    NumberUnknown,
    RevisionConflict,
    InstitutionNotYetFiled,
    InstitutionRemoved,
    OccupationUnknown,
    OccupationNotSkilled,
    OccupationExcluded,
    OccupationNotInProgramme,
    LevelAboveInstitution,
    LevelUnknown,
    NameMalformed,
    IdMalformed,
    IdCheckFailed,
    IdTruncated,
    ScoreOutOfRange,
    DateMalformed,
    DateOrder,
    RollNotVerified,
    RollMismatch,
    ReviewMissing,
    ReviewNotApproved,
    ReviewWrongCentre,
    PlanUnknown,
    PlanFiledLate,
    ReportedLate,
    ReasonMissing,
    ReasonMalformed,
    RowRagged,
}

impl Code {
    /// The stable spelling, as in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NumberMalformed => "number_malformed",
            Self::InstitutionUnknown => "institution_unknown",
            Self::NumberNotInSegment => "number_not_in_segment",
            Self::NumberYearMismatch => "number_year_mismatch",
            Self::NumberLevelMismatch => "number_level_mismatch",
            Self::NumberDuplicate => "number_duplicate",
            Self::NumberUnknown => "number_unknown",
            Self::RevisionConflict => "revision_conflict",
            Self::InstitutionNotYetFiled => "institution_not_yet_filed",
            Self::InstitutionRemoved => "institution_removed",
            Self::OccupationUnknown => "occupation_unknown",
            Self::OccupationNotSkilled => "occupation_not_skilled",
            Self::OccupationExcluded => "occupation_excluded",
            Self::OccupationNotInProgramme => "occupation_not_in_programme",
            Self::LevelAboveInstitution => "level_above_institution",
            Self::LevelUnknown => "level_unknown",
            Self::NameMalformed => "name_malformed",
            Self::IdMalformed => "id_malformed",
            Self::IdCheckFailed => "id_check_failed",
            Self::IdTruncated => "id_truncated",
            Self::ScoreOutOfRange => "score_out_of_range",
            Self::DateMalformed => "date_malformed",
            Self::DateOrder => "date_order",
            Self::RollNotVerified => "roll_not_verified",
            Self::RollMismatch => "roll_mismatch",
            Self::ReviewMissing => "review_missing",
            Self::ReviewNotApproved => "review_not_approved",
            Self::ReviewWrongCentre => "review_wrong_centre",
            Self::PlanUnknown => "plan_unknown",
            Self::PlanFiledLate => "plan_filed_late",
            Self::ReportedLate => "reported_late",
            Self::ReasonMissing => "reason_missing",
            Self::ReasonMalformed => "reason_malformed",
            Self::RowRagged => "row_ragged",
        }
    }

    /// The clause of the notice, where there is one; the others follow from the coding rule of the
    /// numbers or from the register itself.
    pub(crate) const fn clause(self) -> Option<&'static str> {
        Some(match self {
            Self::InstitutionUnknown | Self::NumberNotInSegment => "二(二)",
            Self::InstitutionNotYetFiled | Self::InstitutionRemoved => "二(二)、四(二)",
            Self::OccupationUnknown
            | Self::OccupationNotSkilled
            | Self::OccupationExcluded
            | Self::OccupationNotInProgramme => "一(三)",
            Self::LevelAboveInstitution | Self::LevelUnknown => "一(四)",
            Self::RollNotVerified | Self::RollMismatch => "一(二)、二(四)",
            Self::ReviewMissing | Self::ReviewNotApproved | Self::ReviewWrongCentre => {
                "二(三)、二(四)"
            }
            Self::PlanUnknown | Self::PlanFiledLate | Self::ReportedLate => "二(三)",
            _ => return None,
        })
    }
}
