// Every page there is, and how it is recognised.

export const PAGES = [
  { name: "home", path: "/", heading: /./ },
  { name: "models", path: "/models", heading: /models/i },
  { name: "model", path: "/models/openai/gpt-oss-20b:free", heading: /gpt-oss-20b/i },
  { name: "providers", path: "/providers", heading: /./ },
  { name: "author", path: "/providers/openai", heading: /openai/i },
  { name: "status", path: "/status", heading: /./ },
  { name: "chat", path: "/chat", heading: /chat/i },
  { name: "dashboard", path: "/dashboard", heading: /./ },
  { name: "docs", path: "/docs", heading: /./ },
  { name: "not-found", path: "/no-such-page", heading: /not found/i, status: 404 },
];
