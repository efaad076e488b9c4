/** Opens and closes sources of the cap engine on `lo`, collects garbage, and prints how many of their polls the event loop still has. */
import { createCapEngine } from '../../dist/modules/agent/capture/cap/cap.js';

const engine = createCapEngine(Date.now);
const options = { interfaceName: 'lo', snapBytes: 128, bufferBytes: 1 << 20, promiscuous: false, filter: '' };
const turn = () => new Promise((done) => setTimeout(done, 1));

for (let opened = 0; opened < Number(process.argv[2]); opened++) {
  engine.open(options).close();
  await turn();
  globalThis.gc();
}
process.stdout.write(`${process.report.getReport().libuv.filter(({ type }) => type === 'poll').length}\n`);
