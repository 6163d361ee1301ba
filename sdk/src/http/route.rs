//! Which function answers a request: a table that can be read at a glance.

use super::request::decode;
use super::{Problem, Request, Response};

/// Answers one request.
pub type Handler = fn(&Request) -> Result<Response, Problem>;

/// One line of a component's table: a method, a path, and who answers.
///
/// A segment in braces, as in `/products/{id}`, stands for any one that is not empty; [`Request::parameter`] has it.
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
                Some(name) if !segment.is_empty() => parameters.push((name, decode(segment))),
                None if segment == expected => {}
                _ => return None,
            }
        }
        segments.next().is_none().then_some(parameters)
    }
}

/// Finds the request's handler and puts the path's parameters into the request.
///
/// # Errors
/// 404 for a path that no route has, 405 for one whose routes have other methods.
pub(super) fn find(routes: &[Route], request: &mut Request) -> Result<Handler, Problem> {
    let mut allowed = Vec::new();
    for route in routes {
        if let Some(parameters) = route.matches(&request.path) {
            if route.method == request.method {
                request.parameters = parameters;
                return Ok(route.handler);
            }
            allowed.push(route.method);
        }
    }
    Err(if allowed.is_empty() { unknown_path() } else { Problem::method_not_allowed(&allowed.join(", ")) })
}

fn unknown_path() -> Problem {
    Problem::not_found("There is nothing at this path.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(_: &Request) -> Result<Response, Problem> {
        Ok(Response::default())
    }

    const ROUTES: &[Route] =
        &[Route::get("/products", answer), Route::get("/products/{id}", answer), Route::post("/products/{id}", answer)];

    /// The status that a request is refused with, or the parameter `id` of one that is answered.
    fn found(method: &str, path: &str) -> Result<String, u16> {
        let mut request = Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() };
        find(ROUTES, &mut request).map_err(|problem| problem.status())?;
        Ok(request.parameter("id").to_owned())
    }

    #[test]
    fn a_path_and_its_parameters() {
        assert_eq!(found("GET", "/products"), Ok(String::new()));
        assert_eq!(found("GET", "/products/7"), Ok("7".to_owned()));
        assert_eq!(found("POST", "/products/%37"), Ok("7".to_owned()));
    }

    #[test]
    fn a_path_that_no_route_has_is_404() {
        for path in ["", "/", "/product", "/products/", "/products/7/", "/products/7/8", "//products"] {
            assert_eq!(found("GET", path), Err(404), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_405() {
        assert_eq!(found("DELETE", "/products/7"), Err(405));
        assert_eq!(found("POST", "/products"), Err(405));
    }
}
