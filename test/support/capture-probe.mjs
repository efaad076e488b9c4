/**
 * Captures from one interface as the meter does, and says what happens in lines of JSON:
 *
 *     {"event":"open","linkType":1} {"event":"packet","frame":"hex","wireLength":60,"seconds":...}
 *     {"event":"failed","code":"capture.gone"} {"event":"refused","code":"capture.no-interface"} {"event":"statistics",...}
 *
 * Input: `pause`, `resume` (reading), `statistics`; the end of the input closes the capture and ends the process.
 * Usage: node capture-probe.mjs ENGINE INTERFACE [SNAP_BYTES] [BUFFER_BYTES] [FILTER]
 */
import { createInterface } from 'node:readline';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createCapEngine } from '../../dist/modules/agent/capture/cap/cap.js';
import { createLibpcapEngine } from '../../dist/modules/agent/capture/libpcap/libpcap.js';
import { createRingEngine } from '../../dist/modules/agent/capture/ring/ring.js';
import { createPacketBatch, nextRecord } from '../../dist/modules/agent/model/packet-batch.js';
import { READ } from '../../dist/modules/agent/model/packet-source.js';
import { loadCaptureAddon } from '../../dist/modules/agent/native/addon.js';

const [engineName, interfaceName, snapBytes = '65535', bufferBytes = '4194304', filter = 'udp'] = process.argv.slice(2);
const create = { cap: () => createCapEngine(), libpcap: createLibpcapEngine, ring: createRingEngine }[engineName];
const engine = create(loadCaptureAddon());
const options = {
  interfaceName,
  snapBytes: Number(snapBytes),
  bufferBytes: Number(bufferBytes),
  promiscuous: true,
  filter,
};
const batch = createPacketBatch(1 << 20);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
let source;
let refusedAs = '';
let paused = false;
let stopped = false;
let waits = 0;

createInterface(process.stdin)
  .on('line', (line) => {
    if (line === 'pause' || line === 'resume') {
      paused = line === 'pause';
      say({ event: line });
    }
    if (line === 'statistics') say({ event: 'statistics', waits, ...source.statistics() });
  })
  .on('close', () => {
    stopped = true;
  });

function attach() {
  try {
    source = engine.open(options);
    refusedAs = '';
    say({ event: 'open', linkType: source.linkType });
  } catch (error) {
    if (error.code !== refusedAs) say({ event: 'refused', code: error.code, message: error.message });
    refusedAs = error.code;
  }
}

function sayPackets() {
  const { view } = batch;
  for (let i = 0, at = 0; i < batch.count; i++) {
    const captured = view.getUint32(at + 12, true);
    say({
      event: 'packet',
      seconds: view.getFloat64(at, true),
      nanoseconds: view.getUint32(at + 8, true),
      wireLength: view.getUint32(at + 16, true),
      frame: Buffer.from(view.buffer, at + 24, captured).toString('hex'),
    });
    at = nextRecord(at, captured);
  }
}

while (!stopped) {
  if (source === undefined) attach();
  if (paused || source === undefined) {
    await setTimeout(20);
    continue;
  }
  await engine.wait([source], 50);
  waits++;
  const status = await source.read(batch);
  if (status === READ.packets) sayPackets();
  if (status === READ.failed) {
    say({ event: 'failed', code: source.failure.code, message: source.failure.message });
    source.close();
    source = undefined;
  }
  await setImmediate();
}
source?.close();
process.exit(0);
