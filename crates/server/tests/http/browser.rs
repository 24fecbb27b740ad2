//! A browser without scripts: it keeps a cookie, sends forms, and says from which page.

use super::client::{Reply, Running};

/// Somebody at the dashboard.
pub(crate) struct Browser<'a> {
    pub(crate) server: &'a Running,
    pub(crate) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(server: &'a Running) -> Self {
        let cookie = None;
        Self { server, cookie }
    }

    /// One that is logged in with this key.
    pub(crate) async fn with_key(server: &'a Running, secret: &str) -> Self {
        let mut browser = Self::new(server);
        let reply = browser.log_in(secret, "/dashboard").await;
        assert_eq!(reply.status, 303, "{reply:?}");
        browser
    }

    pub(crate) async fn log_in(&mut self, secret: &str, next: &str) -> Reply {
        let fields = [("key", secret), ("next", next)];
        let reply = self.send_form("/login", &fields, "").await;
        if let Some(cookie) = reply.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
        }
        reply
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.server.send("GET", path, &self.headers(), "").await
    }

    /// The page at a path that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert!(
            reply
                .body
                .contains("<meta name=\"robots\" content=\"noindex\">"),
            "{path}"
        );
        reply.body
    }

    /// Sends the form of a page, with the token that the page has.
    pub(crate) async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Reply {
        let page = self.page(page).await;
        let token = field(&page, "token");
        let fields = [&[("token", token.as_str())], fields].concat();
        self.send_form(action, &fields, "origin: http://localhost\r\n")
            .await
    }

    /// Sends these fields and nothing else.
    pub(crate) async fn send_form(
        &self,
        action: &str,
        fields: &[(&str, &str)],
        more: &str,
    ) -> Reply {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let headers = format!(
            "{}{more}content-type: application/x-www-form-urlencoded\r\n",
            self.headers()
        );
        self.server
            .send("POST", action, &headers, &body.finish())
            .await
    }

    fn headers(&self) -> String {
        match &self.cookie {
            Some(cookie) => format!("cookie: theme=dark; {cookie}\r\n"),
            None => String::new(),
        }
    }
}

/// The value of the first hidden field of this name.
pub(crate) fn field(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&mark)
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}
