mod base64;
mod field;
mod numbers;
mod spelling;

pub(crate) use base64::{Base64Encoder, Base64Style, Breaks};
pub(crate) use field::{Form, MAX_FORM_LEN};
pub(crate) use numbers::{NumberEncoder, NumberStyle};
pub(crate) use spelling::{SPELLED_AT_A_TIME, Style, StyledEncoder};
