//! What is known of every route beside its row in the table: in words, what it takes and what it gives.

use std::collections::BTreeMap;

use super::shape::{Fields, Shape, list, object, or_null, place, some, within};

/// All descriptions.
#[derive(Default)]
pub(super) struct Book {
    pub(super) shapes: BTreeMap<&'static str, Shape>,
    pub(super) told: Vec<Told>,
    tag: &'static str,
}

/// One route.
pub(super) struct Told {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    /// One sentence.
    pub(super) says: &'static str,
    pub(super) query: Vec<(&'static str, Shape)>,
    pub(super) body: Option<Shape>,
    /// The form of that body.
    pub(super) kind: &'static str,
    pub(super) gives: Gives,
}

/// What a route gives when it gives something.
pub(super) enum Gives {
    /// JSON.
    Json(Box<Shape>),
    /// JSON Lines, or server-sent events, each of the shape of this name.
    Stream(&'static str),
    /// A file of plain text.
    Text,
}

impl Book {
    /// What follows is about this.
    pub(super) fn about(&mut self, tag: &'static str) {
        self.tag = tag;
    }

    /// A shape that others name.
    pub(super) fn shape(&mut self, name: &'static str, shape: impl Into<Shape>) {
        self.shapes.insert(name, shape.into());
    }

    /// A route, by its method, its path below `/api/v1/`, and what it does.
    pub(super) fn route(
        &mut self,
        method: &'static str,
        path: &'static str,
        says: &'static str,
    ) -> &mut Told {
        let told = Told {
            method,
            path,
            tag: self.tag,
            says,
            query: Vec::new(),
            body: None,
            kind: "application/json",
            gives: Gives::Json(Box::new(object().into())),
        };
        self.told.push_mut(told)
    }
}

impl Told {
    /// It takes this behind the `?`.
    pub(super) fn asks(&mut self, name: &'static str, shape: Shape) -> &mut Self {
        self.query.push((name, shape));
        self
    }

    /// It takes this body, and nothing else in it.
    pub(super) fn takes(&mut self, body: Fields) -> &mut Self {
        self.body = Some(body.only().into());
        self
    }

    /// It takes a form with these fields, and others that are not looked at.
    pub(super) fn takes_form(&mut self, body: Fields) -> &mut Self {
        (self.body, self.kind) = (Some(body.into()), "application/x-www-form-urlencoded");
        self
    }

    /// It gives this.
    pub(super) fn gives(&mut self, shape: impl Into<Shape>) {
        self.gives = Gives::Json(Box::new(shape.into()));
    }

    /// It gives a list of these.
    pub(super) fn gives_list(&mut self, of: Shape) {
        self.gives(list(of));
    }

    /// It gives a list of these page by page, and takes where to go on.
    pub(super) fn gives_pages(&mut self, of: Shape) {
        self.gives_pages_with(object(), of);
    }

    /// The same, with something beside each page.
    pub(super) fn gives_pages_with(&mut self, beside: Fields, of: Shape) {
        self.query.push(("after", place()));
        self.query.push(("limit", within(0, u32::MAX)));
        self.gives(beside.has("items", some(of, 0, turn::MAX_PAGE)).has("after", or_null(place())));
    }

    /// It goes on and on.
    pub(super) fn streams(&mut self, of: &'static str) {
        self.gives = Gives::Stream(of);
    }

    /// It gives a file of plain text.
    pub(super) fn gives_text(&mut self) {
        self.gives = Gives::Text;
    }
}
