//! Which function answers a request: a table that can be read at a glance.

use super::request::decode;
use super::{Problem, Request, Response};

/// Answers one request.
pub type Handler = fn(&Request) -> Result<Response, Problem>;

/// One line of a component's table: a method, a path, and who answers.
///
/// A segment in braces, as in `/products/{id}`, stands for any one that is not empty; [`Request::parameter`] has it. One
/// with an asterisk, as in `/{*path}`, stands for all that is left; it comes last, and its route after the others.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    method: &'static str,
    pattern: &'static str,
    handler: Handler,
}

impl Route {
    pub const fn new(method: &'static str, pattern: &'static str, handler: Handler) -> Self {
        Self { method, pattern, handler }
    }

    pub const fn get(pattern: &'static str, handler: Handler) -> Self {
        Self::new("GET", pattern, handler)
    }

    pub const fn post(pattern: &'static str, handler: Handler) -> Self {
        Self::new("POST", pattern, handler)
    }

    /// The parameters of the path, or `None` where it is another route's.
    fn matches(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let mut parameters = Vec::new();
        let mut segments = path.split('/');
        for expected in self.pattern.split('/') {
            let segment = segments.next()?;
            match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if name.starts_with('*') => return Some(parameters),
                Some(name) if !segment.is_empty() => parameters.push((name, decode(segment))),
                None if segment == expected => {}
                _ => return None,
            }
        }
        segments.next().is_none().then_some(parameters)
    }
}

/// What a table has for a request.
pub(super) enum Found {
    Handler(Handler),
    /// The path is there, and has no handler for the method. These are possible, as `Allow` lists them.
    Methods(String),
    Nothing,
}

/// Finds the request's handler and puts the path's parameters into the request.
///
/// HEAD goes to the handler of GET (RFC 9110, 9.3.2): the host sends the head of its answer only.
pub(super) fn find(routes: &[Route], request: &mut Request) -> Found {
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    let mut allowed = Vec::new();
    for route in routes {
        if let Some(parameters) = route.matches(&request.path) {
            if route.method == method {
                request.parameters = parameters;
                return Found::Handler(route.handler);
            }
            allowed.push(route.method);
        }
    }
    if allowed.is_empty() { Found::Nothing } else { Found::Methods(allow(&allowed)) }
}

/// The value of `Allow`: besides the routes' own methods those that every table answers.
fn allow(methods: &[&str]) -> String {
    let head = methods.contains(&"GET").then_some("HEAD");
    methods.iter().copied().chain(head).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(_: &Request) -> Result<Response, Problem> {
        Ok(Response::default())
    }

    const ROUTES: &[Route] = &[
        Route::get("/products", answer),
        Route::get("/products/{id}", answer),
        Route::post("/products/{id}", answer),
        Route::post("/checkout", answer),
    ];

    /// The parameter `id` of a request that is answered, or the methods that are possible at its path.
    fn found(method: &str, path: &str) -> Result<String, Option<String>> {
        let mut request = Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() };
        match find(ROUTES, &mut request) {
            Found::Handler(_) => Ok(request.parameter("id").to_owned()),
            Found::Methods(allow) => Err(Some(allow)),
            Found::Nothing => Err(None),
        }
    }

    fn only(methods: &str) -> Result<String, Option<String>> {
        Err(Some(methods.to_owned()))
    }

    #[test]
    fn a_path_and_its_parameters() {
        assert_eq!(found("GET", "/products"), Ok(String::new()));
        assert_eq!(found("GET", "/products/7"), Ok("7".to_owned()));
        assert_eq!(found("POST", "/products/%37"), Ok("7".to_owned()));
    }

    #[test]
    fn a_path_that_no_route_has_is_not_found() {
        for path in ["", "/", "/product", "/products/", "/products/7/", "/products/7/8", "//products"] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                assert_eq!(found(method, path), Err(None), "{method} {path}");
            }
        }
    }

    #[test]
    fn an_asterisk_takes_what_no_other_route_has() {
        const ROUTES: &[Route] = &[Route::post("/signup", answer), Route::get("/{*path}", answer)];
        for path in ["/", "/a", "/a/", "/a/b", "/signup"] {
            let mut request = Request { method: "GET".to_owned(), path: path.to_owned(), ..Request::default() };
            assert!(matches!(find(ROUTES, &mut request), Found::Handler(_)), "{path}");
        }
    }

    #[test]
    fn a_head_is_answered_as_its_get() {
        assert_eq!(found("HEAD", "/products/7"), Ok("7".to_owned()));
        assert_eq!(found("HEAD", "/checkout"), only("POST, OPTIONS"));
    }

    #[test]
    fn a_method_without_a_route_learns_of_those_that_have_one() {
        assert_eq!(found("DELETE", "/products/7"), only("GET, POST, HEAD, OPTIONS"));
        assert_eq!(found("POST", "/products"), only("GET, HEAD, OPTIONS"));
        assert_eq!(found("OPTIONS", "/products"), only("GET, HEAD, OPTIONS"));
        assert_eq!(found("OPTIONS", "/checkout"), only("POST, OPTIONS"));
    }
}
