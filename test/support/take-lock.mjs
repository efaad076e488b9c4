/** Tries to take the lock of each spool folder that its parent names, and answers whether it holds it; `release` lets it go. */
import { loadCaptureAddon } from '../../dist/modules/agent/native/addon.js';
import { lockSpool } from '../../dist/modules/agent/spool/spool-lock.js';

const { lockFile } = loadCaptureAddon();
let held;
process.on('message', (message) => {
  if (message === 'release') {
    held?.release();
    held = undefined;
    process.send('released');
    return;
  }
  try {
    held = lockSpool(message, lockFile);
  } catch (error) {
    if (error.code !== 'instance.running') throw error;
  }
  process.send(held === undefined ? 'refused' : 'held');
});
process.send('ready');
