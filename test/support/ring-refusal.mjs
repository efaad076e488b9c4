/** Prints with which code a ring on a device is refused, or `opened`. Usage: node ring-refusal.mjs DEVICE FILTER */
import { loadCaptureAddon } from '../../dist/modules/agent/native/addon.js';

const [device, filter] = process.argv.slice(2);
const parameters = {
  device,
  snapBytes: 128,
  bufferBytes: 1 << 20,
  timeoutMs: 100,
  immediate: false,
  promiscuous: true,
  filter,
  dataLink: -1,
};
function open() {
  try {
    loadCaptureAddon().close(loadCaptureAddon().openRing(parameters, 1 << 18, false));
    return 'opened';
  } catch (error) {
    return error.code;
  }
}
process.stdout.write(`${JSON.stringify(open())}\n`);
