// Stands before an S3 server and does what a CORS rule of a bucket does. The origin that the rule names is in a file;
// without the file the bucket has no rule. Arguments: the URL of the server, and the file. Prints its own URL.
import fs from "node:fs";
import http from "node:http";

const [server, rule] = process.argv.slice(2);
const upstream = new URL(server);
const METHODS = ["PUT"];
const HEADERS = ["content-type", "if-none-match"];

const allowed = origin => origin && fs.existsSync(rule) && fs.readFileSync(rule, "utf8") === origin;

function preflight(request, response) {
  const { origin } = request.headers;
  const method = request.headers["access-control-request-method"];
  const headers = (request.headers["access-control-request-headers"] ?? "").split(",").filter(name => name);
  if (!allowed(origin) || !METHODS.includes(method) || !headers.every(name => HEADERS.includes(name.trim()))) {
    return response.writeHead(403).end();
  }
  response.writeHead(200, {
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Allow-Methods": METHODS.join(),
    "Access-Control-Allow-Headers": HEADERS.join(),
    "Access-Control-Max-Age": "0",
  }).end();
}

const bucket = http.createServer((request, response) => {
  if (request.method === "OPTIONS") return preflight(request, response);
  const { method, url: path, headers } = request;
  const { hostname, port } = upstream;
  const forwarded = http.request({ hostname, port, method, path, headers, setHost: false }, answer => {
    const shared = allowed(headers.origin) ? { "access-control-allow-origin": headers.origin } : {};
    response.writeHead(answer.statusCode, { ...answer.headers, ...shared });
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  request.on("aborted", () => forwarded.destroy());
  request.pipe(forwarded);
});
bucket.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${bucket.address().port}`));
