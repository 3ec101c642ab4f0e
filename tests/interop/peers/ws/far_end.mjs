// A far end made with Node's `ws`, as many Media Streams servers are. See ../README.md.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocketServer } from "ws";

const say = (value) => process.stdout.write(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
const [certificate, key] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
const sockets = new WebSocketServer({ server });

sockets.on("connection", (socket, request) => {
  say({ path: request.url, headers: request.headers });
  socket.on("message", (data, isBinary) => say(isBinary ? { binary: data.length } : data.toString()));
  socket.on("error", (error) => say({ error: error.message }));
  socket.on("close", (code) => say({ closed: code }));
});

server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
process.on("SIGTERM", () => process.exit(0));
