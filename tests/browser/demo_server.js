// The server under test, driven through its standard input and output.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export class DemoServer {
  static async start(program) {
    const server = new DemoServer();
    // Its end of input ends it, so it cannot outlive this process.
    server.child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    server.lines = createInterface({ input: server.child.stdout })[Symbol.asyncIterator]();
    server.url = await server.nextLine();
    return server;
  }

  async nextLine() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error("the demo server ended");
    return value;
  }

  async tell(command) {
    this.child.stdin.write(`${command}\n`);
    const answer = await this.nextLine();
    if (answer !== "ok") throw new Error(`${command}: ${answer}`);
  }

  async end() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.stdin.end();
    return ended;
  }
}
