mod base64;
mod field;
mod numbers;
mod spelling;

pub(crate) use base64::{Base64Style, Breaks};
pub(crate) use field::{Form, MAX_FORM_LEN};
pub(crate) use numbers::NumberStyle;
pub(crate) use spelling::{Style, StyledEncoder};
