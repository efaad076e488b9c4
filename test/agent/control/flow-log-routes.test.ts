import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Endpoint, openControlSocket, openListener } from '../../../agent/control/control-socket.ts';
import { flowLogRoutes } from '../../../agent/control/flow-log-routes.ts';
import { SinkProbes } from '../../../agent/control/sink-probe.ts';
import type { FlowLogControl } from '../../../agent/flow-logs/reconciler.ts';
import type { ProbeOutcome } from '../../../agent/model/sink.ts';
import { StatusWorld } from '../../support/agent-status.ts';
import { declaration } from '../../support/flow-log-entries.ts';
import { FlowLogHost } from '../../support/flow-log-host.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Answer {
  readonly code: number;
  readonly body: string;
}

let path: string;
let control: FlowLogControl;
let world: StatusWorld;
let probe: ProbeOutcome;
const open: Endpoint[] = [];

beforeEach(async () => {
  path = join(temporaryFolder(), 'control.sock');
  control = new FlowLogHost().start(declaration('fl-a', { tags: { env: 'test' } }, { interfaces: ['eth0'] }));
  world = new StatusWorld([]);
  probe = { kind: 'accepted' };
  const operate = flowLogRoutes(
    control,
    world.collector,
    new SinkProbes([{ name: 'cls', sink: { probe: async () => probe } }]),
  );
  open.push(await openControlSocket(path, () => world.collector.read(), { operate }));
});
afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.stop();
});

function ask(method: string, at: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: path, path: at, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => {
        text += data;
      });
      response.on('end', () => resolve({ code: response.statusCode!, body: text }));
    });
    asking.on('error', reject);
    asking.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  });
}
const json = async (method: string, at: string, body?: unknown) => {
  const { code, body: text } = await ask(method, at, body);
  return { code, body: JSON.parse(text) as unknown };
};
const refusal = (code: number, error: string, message: RegExp) => ({
  code,
  body: { error: { code: error, message: expect.stringMatching(message) } },
});

describe('flow logs over the control socket', () => {
  test('are listed, created, changed and deleted', async () => {
    expect(await json('GET', '/flow-logs')).toMatchObject({
      code: 200,
      body: { schema: 1, refusals: [], flowLogs: [{ id: 'fl-a', tags: { env: 'test' }, origin: 'file' }] },
    });
    const created = await json('POST', '/flow-logs', { interfaces: ['eth1'], name: 'web' });
    expect(created).toMatchObject({ code: 201, body: { name: 'web', interfaces: ['eth1'], origin: 'command' } });
    const { id } = created.body as { id: string };
    const change = { name: 'new', tags: { a: 'b' }, enabled: false };
    expect(await json('PATCH', `/flow-logs/${id}`, change)).toMatchObject({ code: 200, body: { id, ...change } });
    expect(await json('DELETE', `/flow-logs/${id}`)).toEqual({ code: 200, body: { deleted: id } });
    expect(control.entries.map((entry) => entry.id)).toEqual(['fl-a']);
  });

  test('are refused with a code and a sentence', async () => {
    const all = '/flow-logs';
    const one = '/flow-logs/fl-a';
    expect(await json('POST', all, { interfaces: ['eth0'] })).toEqual(refusal(409, 'flow-log.refused', /belongs to/));
    expect(await json('POST', all, { interfaces: ['no'] })).toEqual(refusal(404, 'capture.no-interface', /no no/));
    expect(await json('POST', all)).toEqual(refusal(400, 'usage.invalid', /JSON object/));
    expect(await json('POST', all, [1])).toEqual(refusal(400, 'usage.invalid', /JSON object/));
    expect(await json('PATCH', one, { interfaces: ['lo'] })).toEqual(
      refusal(409, 'flow-log.refused', /interfaces is immutable. Delete the flow log and create a new one/),
    );
    expect(await json('PATCH', one, { tags: { a: 1 } })).toEqual(refusal(400, 'usage.invalid', /tags/));
    expect(await json('PATCH', one, { enabled: 'no' })).toEqual(refusal(400, 'usage.invalid', /enabled/));
    expect(await json('PATCH', '/flow-logs/fl-b', {})).toEqual(
      refusal(409, 'flow-log.refused', /No such flow log: fl-b/),
    );
    expect(await json('PATCH', '/flow-logs/%', {})).toEqual(refusal(400, 'usage.invalid', /bad URL encoding/));
    expect(await json('DELETE', one)).toEqual(refusal(409, 'flow-log.refused', /configuration file/));
    expect(await json('DELETE', all)).toEqual(refusal(405, 'usage.invalid', /GET and POST/));
    expect(control.entries).toMatchObject([{ id: 'fl-a', attributes: { tags: { env: 'test' }, enabled: true } }]);
  });

  test('take bodies of JSON within a bound, and live on', async () => {
    expect(await ask('POST', '/flow-logs', '{')).toMatchObject({ code: 400 });
    expect(await ask('POST', '/flow-logs', 'x'.repeat(65_537))).toMatchObject({ code: 400 });
    expect(await ask('GET', '/flow-logs')).toMatchObject({ code: 200 });
    expect(await ask('GET', '/flow-logsx')).toMatchObject({ code: 404 });
  });

  test('are told by nobody on TCP', async () => {
    const listener = await openListener({ host: '127.0.0.1', port: 0 }, () => world.collector.read());
    open.push(listener);
    for (const method of ['GET', 'POST']) {
      const { status } = await fetch(`http://${listener.address}/flow-logs`, { method });
      expect(status).toBe(404);
    }
  });

  test('ask the log service until the first upload, and no longer', async () => {
    const capturing = {
      flowLog: { ...control.resolutions()[0]!.flowLog },
      interfaceId: 'if-eth0',
      interfaceName: 'eth0',
    };
    world.collector.add(capturing);
    world.collector.captured(capturing, { kind: 'attached' });
    const readiness = async () => {
      const { flowLogs } = (await json('GET', '/flow-logs')).body as { flowLogs: { readiness: { state: string } }[] };
      return flowLogs[0]!.readiness.state;
    };
    expect(await readiness()).toBe('ready');
    probe = { kind: 'blocked', reason: '401 SecretIdNotFound' };
    expect(await readiness()).toBe('refused');
    Object.assign(world.exporter, { attempts: 1, deliveredBatches: 1 });
    expect(await readiness()).toBe('ready');
  });
});
