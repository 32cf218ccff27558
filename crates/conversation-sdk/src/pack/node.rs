//! A JSON value together with its place in the document, so that every complaint names it.

use serde_json::{Map, Value};

use super::error::{PackError, PackErrorKind, PackLocation};

#[derive(Clone)]
pub(super) struct Node<'a> {
    value: &'a Value,
    pointer: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            pointer: String::new(),
        }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(super) fn error(&self, message: impl Into<String>) -> PackError {
        PackError::new(PackErrorKind::Structure, message)
            .at(PackLocation::Pointer(self.pointer.clone()))
    }

    fn child(&self, token: &str, value: &'a Value) -> Node<'a> {
        let token = token.replace('~', "~0").replace('/', "~1");
        Node {
            value,
            pointer: format!("{}/{token}", self.pointer),
        }
    }

    /// The member of an object; `null` counts as absent, and so does every member of something else.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        match self.value.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => Some(self.child(key, value)),
        }
    }

    pub(super) fn required(&self, key: &str) -> Result<Node<'a>, PackError> {
        self.get(key)
            .ok_or_else(|| self.error(format!("the field `{key}` is missing")))
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, PackError> {
        self.value
            .as_object()
            .ok_or_else(|| self.unlike("an object"))
    }

    pub(super) fn entries(
        &self,
    ) -> Result<impl Iterator<Item = (&'a str, Node<'a>)> + use<'_, 'a>, PackError> {
        Ok(self
            .object()?
            .iter()
            .map(|(key, value)| (key.as_str(), self.child(key, value))))
    }

    pub(super) fn items(&self) -> Result<impl Iterator<Item = Node<'a>> + use<'_, 'a>, PackError> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.unlike("an array"))?;
        Ok(items
            .iter()
            .enumerate()
            .map(|(index, value)| self.child(&index.to_string(), value)))
    }

    pub(super) fn string(&self) -> Result<&'a str, PackError> {
        self.value.as_str().ok_or_else(|| self.unlike("a string"))
    }

    /// For lists that are searched in lists: their lengths multiply.
    pub(super) fn at_most(&self, most: usize, what: &str) -> Result<(), PackError> {
        match self.value.as_array() {
            Some(items) if items.len() > most => {
                Err(self.error(format!("there are more than {most} {what}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn strings(&self) -> Result<Vec<String>, PackError> {
        self.items()?
            .map(|item| item.string().map(str::to_owned))
            .collect()
    }

    pub(super) fn number(&self) -> Result<f64, PackError> {
        self.value
            .as_f64()
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.unlike("a number"))
    }

    pub(super) fn whole(&self) -> Result<u64, PackError> {
        self.value
            .as_u64()
            .ok_or_else(|| self.unlike("a whole number that is not negative"))
    }

    pub(super) fn positive(&self) -> Result<u64, PackError> {
        match self.whole()? {
            0 => Err(self.unlike("at least 1")),
            number => Ok(number),
        }
    }

    pub(super) fn get_string(&self, key: &str) -> Result<Option<&'a str>, PackError> {
        self.get(key).map(|node| node.string()).transpose()
    }

    pub(super) fn get_bool(&self, key: &str) -> Result<Option<bool>, PackError> {
        self.get(key)
            .map(|node| {
                node.value
                    .as_bool()
                    .ok_or_else(|| node.unlike("true or false"))
            })
            .transpose()
    }

    pub(super) fn get_number(&self, key: &str) -> Result<Option<f64>, PackError> {
        self.get(key).map(|node| node.number()).transpose()
    }

    pub(super) fn get_whole(&self, key: &str) -> Result<Option<u64>, PackError> {
        self.get(key).map(|node| node.whole()).transpose()
    }

    pub(super) fn get_positive(&self, key: &str) -> Result<Option<u64>, PackError> {
        self.get(key).map(|node| node.positive()).transpose()
    }

    pub(super) fn get_strings(&self, key: &str) -> Result<Option<Vec<String>>, PackError> {
        self.get(key).map(|node| node.strings()).transpose()
    }

    pub(super) fn get_items(&self, key: &str) -> Result<Vec<Node<'a>>, PackError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(node) => Ok(node.items()?.collect()),
        }
    }

    fn unlike(&self, expected: &str) -> PackError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.error(format!("{expected} is needed, and {found} was found"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_point_at_the_value() {
        let value = json!({"a/b": {"~c": [1, "x"]}});
        let node = Node::root(&value).get("a/b").unwrap().get("~c").unwrap();
        let item = node.items().unwrap().nth(1).unwrap();
        let error = item.whole().unwrap_err();
        let Some(PackLocation::Pointer(pointer)) = error.location() else {
            panic!("no pointer")
        };
        assert_eq!(pointer, "/a~1b/~0c/1");
        assert_eq!(value.pointer(pointer), Some(&json!("x")));
    }

    #[test]
    fn null_is_absent() {
        let value = json!({"top_k": null});
        assert_eq!(Node::root(&value).get_whole("top_k").unwrap(), None);
    }
}
