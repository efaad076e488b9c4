/** The built agent over an /etc/machine-id that is no id, as image builders leave it. */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startCommand } from '../support/command.ts';
import { untilStoredIn } from '../support/log-service-process.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing() ?? commandMissing('unshare');
if (missing !== undefined) process.stderr.write(`host id: ${missing}\n`);

/** In a mount namespace of its own, so that nobody else reads the file. */
const WITH_MACHINE_ID = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/machine-id && exec "$@"'];

describe.skipIf(missing !== undefined)('records of a host that never got a machine id', { timeout: 180_000 }, () => {
  test('have the host name as their source', async () => {
    const namespace = new NetworkNamespace();
    onTestFinished(() => namespace.remove());
    namespace.addPair('obs0', 'far0');
    const folder = temporaryFolder();
    const [machineId, config] = [join(folder, 'machine-id'), join(folder, 'flowlogd.yaml')];
    writeFileSync(machineId, 'uninitialized\n');
    const flowLogs = [{ interfaces: ['obs0'], windowSeconds: 1 }];
    writeFileSync(config, JSON.stringify({ stateDirectory: join(folder, 'state'), flowLogs }));

    const through = [...WITH_MACHINE_ID, machineId];
    const agent = startCommand(['run', '--config', config], { namespace, through });
    await agent.until(({ stderr }) => ['"capturing"', 'log service ready'].every((said) => stderr.includes(said)));
    namespace.sendDatagrams(5);
    const store = join(folder, 'state', 'logservice');
    const [record] = await untilStoredIn(store, 'dstport:9999', (logs) => logs.length > 0);
    expect(record?.['__SOURCE__']).toBe(hostname());
    expect((await agent.stop()).code).toBe(0);
  });
});
