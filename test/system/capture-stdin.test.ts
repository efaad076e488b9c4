import { execFileSync, spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { pcapFile, pcapngFile } from '../support/capture-file.ts';
import { arp } from '../support/packet-builder.ts';
import { CaptureFolder } from '../support/read-source.ts';

const COUNT = `
  const { loadCaptureAddon } = await import('./dist/modules/agent/native/addon.js');
  const { createLibpcapSavefileEngine } = await import('./dist/modules/agent/capture/libpcap/libpcap.js');
  const { createSavefileEngine } = await import('./dist/modules/agent/capture/savefile/savefile.js');
  const { createPacketBatch } = await import('./dist/modules/agent/model/packet-batch.js');
  const [name, readsMax] = process.argv.slice(-2);
  const engine = name === 'savefile' ? createSavefileEngine() : createLibpcapSavefileEngine(loadCaptureAddon());
  const source = await engine.open({ path: '-', filter: '' });
  const batch = createPacketBatch(1 << 20);
  let packets = 0;
  let status = 0;
  for (let reads = 0; reads < Number(readsMax) && status === 0; reads++) {
    status = await source.read(batch);
    packets += batch.count;
  }
  source.close();
  console.log(status, packets, source.failure?.code);
`;
const PACKETS = 40_000;
const FILES = {
  pcap: pcapFile(new Array(PACKETS).fill({ bytes: arp() })),
  pcapng: pcapngFile(new Array(PACKETS).fill({ bytes: arp() })),
};
const CASES = (['libpcap', 'savefile'] as const).flatMap((engine) =>
  (['pcap', 'pcapng'] as const).map((format) => [engine, format] as const),
);

function folderFor(): CaptureFolder {
  const folder = new CaptureFolder();
  onTestFinished(() => folder.remove());
  return folder;
}

async function throughSocket(engine: string, bytes: Uint8Array, readsMax = 1e9): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', COUNT, engine, String(readsMax)]);
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  /* A reader that stops early breaks the pipe, as it should. */
  child.stdin.on('error', () => undefined);
  child.stdin.end(bytes);
  const code = await new Promise((resolve) => child.on('close', resolve));
  return `${code}: ${output.trim()}`;
}

test.each(CASES)('%s reads %s from standard input, be it a pipe, a file or a socket', async (engine, format) => {
  const path = folderFor().write(FILES[format]);
  const shell = (line: string) =>
    execFileSync('sh', ['-c', line, process.execPath, COUNT, engine, path], { encoding: 'utf8' }).trim();
  const whole = `2 ${PACKETS} undefined`;
  expect(shell('cat "$3" | "$0" --input-type=module -e "$1" "$2" 1000000')).toBe(whole);
  expect(shell('"$0" --input-type=module -e "$1" "$2" 1000000 < "$3"')).toBe(whole);
  expect(await throughSocket(engine, FILES[format])).toBe(`0: ${whole}`);
});

test.each(CASES)('%s says that a %s on standard input was cut', async (engine, format) => {
  const cut = await throughSocket(engine, FILES[format].subarray(0, -1));
  expect(cut).toBe(`0: 3 ${PACKETS - 1} savefile.damaged`);
});

test.each(CASES)('%s lets the process end in the middle of a %s on standard input', async (engine, format) => {
  expect(await throughSocket(engine, FILES[format], 1)).toMatch(/^0: 0 \d+/);
});
