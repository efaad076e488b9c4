import fc from 'fast-check';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { clsStorage } from '../../../agent/export/cls/kind.ts';
import type { Declaration } from '../../../agent/flow-logs/flow-log-entry.ts';
import type { FlowLogControl } from '../../../agent/flow-logs/reconciler.ts';
import { create } from '../../../agent/flow-logs/registry.ts';
import { REGISTRY_FILE, writeRegistry } from '../../../agent/flow-logs/registry-file.ts';
import type { LinkNews } from '../../../agent/model/link-changes.ts';
import { EMBEDDED_STORAGE, type Storage } from '../../../agent/model/storage.ts';
import { fileSystemError } from '../../support/crashing-disk.ts';
import { declaration } from '../../support/flow-log-entries.ts';
import { FlowLogHost } from '../../support/flow-log-host.ts';

let host: FlowLogHost;
beforeEach(() => {
  host = new FlowLogHost();
});

const on = (id: string, ...interfaces: string[]): Declaration => declaration(id, {}, { interfaces });
const running = () => [...host.running].sort();
const news = (parts: Partial<LinkNews> = {}): LinkNews => ({ appeared: [], missed: [], hasVanished: false, ...parts });
const idsOf = ({ entries }: FlowLogControl) => entries.map(({ id }) => id);

describe('flow logs at a start', () => {
  test('are those of the file and those of the commands before', async () => {
    const created = await host.start(on('fl-a', 'eth0')).create({ interfaces: ['eth1'] });
    host.running.clear();
    const again = host.start(on('fl-a', 'eth0'));
    expect(idsOf(again)).toEqual(['fl-a', created.id]);
    expect([...host.running]).toEqual(['fl-a/eth0', `${created.id}/eth1`]);
  });

  test('are refused as a whole when one cannot be, and nothing is written', () => {
    host.start(on('fl-a', 'eth0'));
    const before = host.disk.readNow(`/state/${REGISTRY_FILE}`);
    expect(() => host.load(declaration('fl-a', {}, { interfaces: ['eth0'], windowSeconds: 60 }))).toThrow(
      /fl-a \(web\): windowSeconds \(default -> 60\) is immutable/,
    );
    expect(() => host.load(on('fl-a', 'eth0'), on('fl-b', 'eth*'))).toThrow(
      /eth0 already belongs to the flow log fl-a/,
    );
    expect(host.disk.readNow(`/state/${REGISTRY_FILE}`)).toEqual(before);
  });

  test('are refused one under the other, in the form that a terminal shows as lines', () => {
    host.start(on('fl-a', 'eth0'), on('fl-b', 'eth1'));
    const other = (id: string, name: string) => declaration(id, {}, { interfaces: [name], windowSeconds: 60 });
    expect(() => host.load(other('fl-a', 'eth0'), other('fl-b', 'eth1'))).toThrow(/^fl-a .*\n {2}fl-b .*$/);
  });

  test('wait for an interface that is not there yet, and say so; by a command none is made for it', async () => {
    const control = host.start(on('fl-a', 'eth0'), on('fl-b', 'eth7'));
    expect(running()).toEqual(['fl-a/eth0']);
    expect(host.said.join()).toMatch(/no such interface; capture starts when it appears/);
    await expect(control.create({ interfaces: ['eth8'] })).rejects.toThrow(
      expect.objectContaining({ code: 'capture.no-interface', message: expect.stringMatching(/there is no eth8/) }),
    );
    host.interfaces = [...host.interfaces, 'eth7'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/eth0', 'fl-b/eth7']);
  });

  test('wait for an interface that was there when they were made', async () => {
    host.start(on('fl-a', 'eth0'));
    host.running.clear();
    host.interfaces = ['lo'];
    const control = host.start(on('fl-a', 'eth0'));
    expect(running()).toEqual([]);
    host.interfaces = ['eth0', 'lo'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('set a damaged registry aside, and go on with the file', () => {
    host.start(on('fl-a', 'eth0'));
    host.running.clear();
    host.disk.damage(`/state/${REGISTRY_FILE}`, 60);
    const damaged = host.disk.readNow(`/state/${REGISTRY_FILE}`);
    host.start(on('fl-a', 'eth0'));
    const [aside] = host.disk.paths().filter((path) => path.includes('damaged'));
    expect(host.disk.readNow(aside!)).toEqual(damaged);
    expect(host.said.join()).toMatch(/corrupt list of flow logs moved to quarantine/);
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('never write over a damaged registry that cannot be set aside', async () => {
    host.start(on('fl-a', 'eth0'));
    host.disk.damage(`/state/${REGISTRY_FILE}`, 60);
    const damaged = host.disk.readNow(`/state/${REGISTRY_FILE}`);
    host.disk.fault = (operation, path) => {
      if (operation === 'rename') throw fileSystemError('EROFS', path);
    };
    host.running.clear();
    const control = host.start(on('fl-a', 'eth0'));
    await expect(control.create({ interfaces: ['lo'] })).rejects.toThrow(/^Setting aside .*EROFS/);
    expect(host.disk.readNow(`/state/${REGISTRY_FILE}`)).toEqual(damaged);
    host.disk.fault = () => undefined;
    await control.create({ interfaces: ['lo'] });
    expect(host.disk.paths()).toHaveLength(2);
  });

  test('run though the disk refuses their list', () => {
    host.disk.fault = (operation, path) => {
      if (operation === 'create') throw fileSystemError('ENOSPC', path);
    };
    host.start(on('fl-a', 'eth0'));
    expect(host.said.join()).toMatch(/list of flow logs not persisted/);
    expect(running()).toEqual(['fl-a/eth0']);
  });
});

describe('looks for interfaces', () => {
  /** Runs until the test ends; answers how often it looks in so many seconds, of which each ends what was asked for in it. */
  function watched(...declarations: Declaration[]) {
    vi.useFakeTimers({ now: host.nowSeconds * 1000 });
    const control = host.load(...declarations);
    for (const { point } of control.taps()) host.running.add(`${point.flowLog.id}/${point.interfaceName}`);
    control.begin(host.observer);
    onTestFinished(() => {
      control.end();
      vi.useRealTimers();
    });
    const names = vi.spyOn(host.resolver, 'names');
    const looksIn = async (seconds: number) => {
      names.mockClear();
      for (let second = 0; second < seconds; second++) {
        host.nowSeconds += 1;
        await vi.advanceTimersByTimeAsync(1000);
      }
      return names.mock.calls.length;
    };
    return { control, looksIn };
  }

  test('come every two seconds where the kernel does not tell, and every half a minute where it does', async () => {
    const { control, looksIn } = watched(on('fl-a', 'veth*', 'eth0'));
    expect(await looksIn(20)).toBe(10);
    control.linksChanged(news());
    expect(await looksIn(28)).toBe(0);
    expect(await looksIn(60)).toBe(2);
    host.interfaces = [...host.interfaces, 'veth0'];
    expect(await looksIn(30)).toBe(1);
    expect(running()).toContain('fl-a/veth0');
  });

  test('come at once for a new interface', async () => {
    const { control, looksIn } = watched(on('fl-a', 'veth*'));
    control.linksChanged(news());
    await looksIn(4);
    host.interfaces = [...host.interfaces, 'veth0'];
    control.linksChanged(news({ appeared: [{ index: 7, name: 'veth0', atSeconds: 12 }] }));
    expect(await looksIn(20)).toBe(1);
    expect(running()).toEqual(['fl-a/veth0']);
  });

  test('come twice, two seconds apart, when one has vanished, and not before it is gone for both', async () => {
    const { control, looksIn } = watched(on('fl-a', 'eth*'));
    control.linksChanged(news());
    await looksIn(4);
    host.interfaces = ['eth0', 'lo'];
    control.linksChanged(news({ hasVanished: true }));
    control.linksChanged(news({ hasVanished: true }));
    expect(await looksIn(2)).toBe(1);
    expect(running()).toEqual(['fl-a/eth0', 'fl-a/eth1']);
    expect(await looksIn(20)).toBe(1);
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('come every two seconds while one cannot be captured', async () => {
    host.broken = ['veth0'];
    const { control, looksIn } = watched(on('fl-a', 'veth*'));
    control.linksChanged(news());
    host.interfaces = ['veth0'];
    control.linksChanged(news({ appeared: [{ index: 7, name: 'veth0', atSeconds: 12 }] }));
    expect(await looksIn(10)).toBe(6);
    host.broken = [];
    await looksIn(2);
    expect(running()).toEqual(['fl-a/veth0']);
    expect(await looksIn(20)).toBe(0);
  });

  test('come every two seconds for the default route, of which the kernel does not tell', async () => {
    const { control, looksIn } = watched(on('fl-a', 'default'));
    control.linksChanged(news());
    expect(await looksIn(10)).toBe(5);
    host.defaultName = 'eth1';
    await looksIn(4);
    expect(running()).toEqual(['fl-a/eth1']);
  });
});

describe('flow logs that change', () => {
  test('begin and end their captures, and touch no other', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    const { id } = await control.create({ interfaces: ['eth1', 'lo'] });
    await control.modify(id, { enabled: false });
    await control.modify(id, { name: 'other' });
    await control.modify(id, { enabled: true });
    await control.remove(id);
    const both = (sign: string) => [`${sign}${id}/eth1`, `${sign}${id}/lo`];
    expect(host.history).toEqual(['+fl-a/eth0', ...both('+'), ...both('-'), ...both('+'), ...both('-')]);
    expect(idsOf(control)).toEqual(['fl-a']);
  });

  test('are not made on an interface of another one, enabled or not', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    await control.modify('fl-a', { enabled: false });
    for (const pattern of ['eth0', 'eth*', 'default']) {
      await expect(control.create({ interfaces: [pattern] })).rejects.toThrow(
        /eth0 already belongs to the flow log fl-a \(web\)/,
      );
    }
    await expect(control.create({ interfaces: ['nope'] })).rejects.toThrow(/there is no nope/);
    expect(idsOf(control)).toEqual(['fl-a']);
  });

  test('are not there at all when their interface cannot be captured', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    host.broken = ['eth1'];
    await expect(control.create({ interfaces: ['eth1', 'lo'] })).rejects.toThrow('eth1 is broken.');
    expect(idsOf(control)).toEqual(['fl-a']);
    expect(running()).toEqual(['fl-a/eth0']);
    expect(idsOf(host.load(on('fl-a', 'eth0')))).toEqual(['fl-a']);
  });

  test('stay as they are when the disk refuses', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    host.disk.fault = (operation, path) => {
      if (operation === 'create') throw fileSystemError('ENOSPC', path);
    };
    await expect(control.create({ interfaces: ['lo'] })).rejects.toThrow(/ENOSPC/);
    await expect(control.modify('fl-a', { enabled: false })).rejects.toThrow(/ENOSPC/);
    expect(control.entries).toMatchObject([{ id: 'fl-a', attributes: { enabled: true } }]);
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('follow the file: what may change does, the rest is refused and goes on', async () => {
    const control = host.start(on('fl-a', 'eth0'), on('fl-b', 'eth1'));
    const report = await control.reload(
      [
        declaration('fl-a', { name: 'new' }, { interfaces: ['eth1'] }),
        declaration('fl-b', { enabled: false }, { interfaces: ['eth1'] }),
        on('fl-c', 'eth1'),
        on('fl-d', 'lo'),
      ],
      host.storages,
    );
    expect(report.created.map(({ id }) => id)).toEqual(['fl-d']);
    expect(report.changed.map(({ id }) => id)).toEqual(['fl-b']);
    expect(report.refusals.map(({ flowLogId }) => flowLogId)).toEqual(['fl-a', 'fl-c']);
    expect(control.refusals).toEqual(report.refusals);
    expect(running()).toEqual(['fl-a/eth0', 'fl-d/lo']);
    await control.reload([on('fl-a', 'eth0')], host.storages);
    expect(control.refusals).toEqual([]);
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('make room for another one in the same reload', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    const { created, removed, refusals } = await control.reload([on('fl-b', 'eth0')], host.storages);
    expect([created[0]?.id, removed[0]?.id, refusals]).toEqual(['fl-b', 'fl-a', []]);
    expect(host.history).toEqual(['+fl-a/eth0', '-fl-a/eth0', '+fl-b/eth0']);
  });

  test('go on with other windows where their type lets them, and only there', async () => {
    const ccn = declaration('fl-a', {}, { interfaces: ['eth0'], resourceType: 'CCN' });
    const control = host.start(ccn, on('fl-b', 'eth1'));
    await control.modify('fl-a', { windowSeconds: 300 });
    await expect(control.modify('fl-b', { windowSeconds: 300 })).rejects.toThrow(
      /fl-b .*windowSeconds is immutable, except for type CCN/,
    );
    await control.reload([ccn, on('fl-b', 'eth1')], host.storages);
    await control.reload(
      [{ ...ccn, definition: { ...ccn.definition, windowSeconds: 600 } }, on('fl-b', 'eth1')],
      host.storages,
    );
    expect(host.history).toEqual(['+fl-a/eth0', '+fl-b/eth1', '~fl-a/eth0 300', '~fl-a/eth0 600']);
    expect(control.refusals).toEqual([]);
  });

  test('do so one after the other, however many ask', async () => {
    const control = host.start();
    await Promise.allSettled([
      control.create({ interfaces: ['lo'], name: 'first' }),
      control.create({ interfaces: ['lo'], name: 'second' }),
      control.create({ interfaces: ['eth0'], name: 'third' }),
    ]);
    expect(control.entries.map(({ attributes }) => attributes.name)).toEqual(['first', 'third']);
    expect(host.running.size).toBe(2);
  });
});

describe('the storage of flow logs', () => {
  const topic = (name: string) => clsStorage(new URL('https://ap-guangzhou.cls.tencentcs.com'), name);
  const moved = 'storage (topic topic-1 of CLS in ap-guangzhou -> topic topic-2 of CLS in ap-guangzhou)';
  const storagesOf = ({ entries }: FlowLogControl) => entries.map(({ storage }) => storage?.topicId);

  test('is that of the agent which observed them first, whoever made them, and is on the disk', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    await control.create({ interfaces: ['eth1'] });
    expect(storagesOf(control)).toEqual(['topic-1', 'topic-1']);
    expect(storagesOf(host.load(on('fl-a', 'eth0')))).toEqual(['topic-1', 'topic-1']);
  });

  test('is the present one of those that a version recorded without any', () => {
    const old = create([], on('fl-a', 'eth0'), 0);
    if (old.kind === 'changed') writeRegistry(host.disk, '/state', [{ ...old.entry, origin: 'file' }]);
    expect(storagesOf(host.start(on('fl-a', 'eth0')))).toEqual(['topic-1']);
    host.storage = topic('topic-2');
    expect(() => host.load(on('fl-a', 'eth0'))).toThrow(moved);
  });

  test('keeps the agent from a start elsewhere, with a sentence for each flow log', async () => {
    const { id } = await host.start(on('fl-a', 'eth0')).create({ interfaces: ['eth1'] });
    host.storage = topic('topic-2');
    const load = () => host.load(on('fl-a', 'eth0'));
    expect(load).toThrow(expect.objectContaining({ code: 'flow-log.refused' }));
    expect(load).toThrow(`fl-a (web): ${moved} is immutable. Restore the configuration, or delete the flow log`);
    expect(load).toThrow(`${id} (web): ${moved} is immutable. Restore the configuration; to change the storage`);
    host.storage = EMBEDDED_STORAGE;
    expect(load).toThrow('topic topic-1 of CLS in ap-guangzhou -> embedded log service');
    // A flow log of another id is another one, and the one of the command must be gone.
    expect(() => host.load(on('fl-b', 'eth0'))).toThrow(new RegExp(`^${id} [^\n]*$`));
  });

  test('stays when the file names another one: what runs is not touched, and nothing new is made there', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    const declared = [on('fl-a', 'eth0'), on('fl-b', 'eth1')];
    const report = await control.reload(declared, { cls: topic('topic-2') });
    expect(report).toMatchObject({ created: [], changed: [], removed: [] });
    expect(report.refusals.map(({ flowLogId, message }) => [flowLogId, message])).toEqual([
      ['fl-a', expect.stringContaining(`fl-a (web): ${moved} is immutable.`)],
      ['fl-b', `The flow log fl-b (web) is not created: its ${moved} requires a restart.`],
    ]);
    expect(host.history).toEqual(['+fl-a/eth0']);
    expect(storagesOf(control)).toEqual(['topic-1']);
    expect((await control.reload(declared, { cls: topic('topic-1') })).created.map(({ id }) => id)).toEqual(['fl-b']);
  });
});

describe('the storages of flow logs with several sinks', () => {
  const topic = (name: string) => clsStorage(new URL('https://ap-guangzhou.cls.tencentcs.com'), name);
  const reload = (control: FlowLogControl, storages: Record<string, Storage>, ...declared: Declaration[]) =>
    control.reload(declared, storages);

  test('may become more, and fewer as long as one stays; from the next start on they are these', () => {
    host.start(on('fl-a', 'eth0'));
    const all = { cls: topic('topic-1'), archive: topic('topic-9') };
    host.storages = all;
    host.running.clear();
    expect(host.start(on('fl-a', 'eth0')).entries[0]).toMatchObject({ storage: all.cls, storages: all });
    host.storages = { archive: all.archive };
    host.running.clear();
    expect(host.start(on('fl-a', 'eth0')).entries[0]).toMatchObject({ storage: all.archive, storages: host.storages });
    host.storages = { cls: all.cls };
    expect(() => host.load(on('fl-a', 'eth0'))).toThrow(
      /storage \(topic topic-9 .* -> topic topic-1 .*\) is immutable/,
    );
  });

  test('never move under the name of a sink, though another one stays', () => {
    host.storages = { cls: topic('topic-1'), archive: topic('topic-9') };
    host.start(on('fl-a', 'eth0'));
    host.storages = { ...host.storages, archive: topic('topic-8') };
    expect(() => host.load(on('fl-a', 'eth0'))).toThrow(
      /storage of the sink archive \(topic topic-9 of CLS in ap-guangzhou -> topic topic-8 of CLS in ap-guangzhou\) is immutable/,
    );
  });

  test('are those of the sinks that it names, which are immutable', async () => {
    host.storages = { cls: topic('topic-1'), archive: topic('topic-9') };
    const named = declaration('fl-a', {}, { interfaces: ['eth0'], sinks: ['archive'] });
    const control = host.start(named);
    expect(control.entries[0]).toMatchObject({ storages: { archive: topic('topic-9') } });
    const { refusals } = await reload(control, host.storages, on('fl-a', 'eth0'));
    expect(refusals).toMatchObject([
      { message: expect.stringContaining('sinks (["archive"] -> default) is immutable') },
    ]);
  });
});

describe('interfaces that come and go', () => {
  test('are picked up by a pattern, and forgotten when they are gone for two looks', async () => {
    const control = host.start(on('fl-a', 'veth*'));
    expect(running()).toEqual([]);
    host.interfaces = ['veth1', 'veth2'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth1', 'fl-a/veth2']);
    host.interfaces = ['veth2'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth1', 'fl-a/veth2']);
    host.interfaces = ['veth1', 'veth2'];
    await control.refresh();
    host.interfaces = ['veth2'];
    await control.refresh();
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth2']);
  });

  test('are waited for by name', async () => {
    const control = host.start(on('fl-a', 'eth0'));
    host.interfaces = [];
    for (let look = 0; look < 5; look++) await control.refresh();
    expect(running()).toEqual(['fl-a/eth0']);
  });

  test('are followed as the default route moves, but not when it is gone for a while', async () => {
    const control = host.start(on('fl-a', 'default'));
    host.defaultName = undefined;
    for (let look = 0; look < 5; look++) await control.refresh();
    expect(running()).toEqual(['fl-a/eth0']);
    host.defaultName = 'eth1';
    for (let look = 0; look < 2; look++) await control.refresh();
    expect(running()).toEqual(['fl-a/eth1']);
  });

  test('belong to the flow log that was created first', async () => {
    const control = host.start(on('fl-a', 'v*'), on('fl-b', 'veth*'));
    host.interfaces = ['veth0'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth0']);
  });

  test('are captured as the kernel tells of them, with the time of their appearance', async () => {
    const control = host.start(on('fl-a', 'veth*'));
    host.interfaces = ['veth0'];
    const seen: (number | undefined)[] = [];
    const { observe } = host.observer;
    host.observer.observe = (tap) => {
      seen.push(tap.appearedAtSeconds);
      return observe(tap);
    };
    control.linksChanged(news({ appeared: [{ index: 7, name: 'veth0', atSeconds: 12 }] }));
    await control.refresh();
    host.interfaces = ['veth0', 'veth1'];
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth0', 'fl-a/veth1']);
    expect(seen).toEqual([12, host.nowSeconds]);
  });

  test('before they could be captured are said, where a flow log asks for them', () => {
    const control = host.start(on('fl-a', 'veth*'));
    const gone = (name: string, packets: number) => ({ index: 7, name, packets, appearedAt: 12 });
    control.linksChanged(news({ missed: [gone('veth3', 5), gone('tap0', 5), gone('veth4', 0)], hasVanished: true }));
    expect(host.said).toEqual(['interface vanished before capture started']);
    expect(host.history).toContain('missed 5');
  });

  test('that cannot be captured are tried again, and said once', async () => {
    const control = host.start(on('fl-a', 'veth*'));
    host.interfaces = ['veth0'];
    host.broken = ['veth0'];
    for (let look = 0; look < 3; look++) await control.refresh();
    expect(host.said).toEqual(['veth0 is broken.']);
    expect(control.failuresOf('fl-a')).toEqual(['veth0 is broken.']);
    host.broken = [];
    await control.refresh();
    expect(running()).toEqual(['fl-a/veth0']);
    expect(control.failuresOf('fl-a')).toEqual([]);
  });
});

test('whatever is asked in whatever order, what runs is what is enabled, and the disk has the same', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('create' as const),
      interfaces: fc.subarray(['eth0', 'eth1', 'eth*', 'lo'], { minLength: 1 }),
    }),
    fc.record({ kind: fc.constantFrom('enable' as const, 'disable' as const, 'remove' as const), at: fc.nat(3) }),
    fc.record({ kind: fc.constant('interfaces' as const), names: fc.subarray(['eth0', 'eth1', 'eth2', 'lo']) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      host = new FlowLogHost();
      const control = host.start();
      for (const each of steps) {
        const id = 'at' in each ? control.entries[each.at]?.id : undefined;
        if (each.kind === 'interfaces') host.interfaces = each.names;
        else if (each.kind === 'create') await control.create({ interfaces: each.interfaces }).catch(() => undefined);
        else if (id !== undefined && each.kind === 'remove') await control.remove(id);
        else if (id !== undefined) await control.modify(id, { enabled: each.kind === 'enable' });
        await control.refresh();
        await control.refresh();
      }
      const claimed = new Set<string>();
      const expected = control.entries.flatMap(({ id, attributes, definition }) => {
        const patterns = definition['interfaces'] as string[];
        const mine = [...host.running].filter((key) => key.startsWith(`${id}/`)).map((key) => key.slice(id.length + 1));
        const there = host.interfaces.filter(
          (name) => patterns.includes(name) || (patterns.includes('eth*') && name.startsWith('eth')),
        );
        const free = there.filter((name) => !claimed.has(name));
        for (const name of there) claimed.add(name);
        // A capture by name stays for as long as the interface is away.
        const waiting = mine.filter((name) => patterns.includes(name) && !host.interfaces.includes(name));
        return attributes.enabled ? [...free, ...waiting].map((name) => `${id}/${name}`) : [];
      });
      expect(running()).toEqual(expected.sort());
      expect(host.load().entries).toEqual(control.entries);
    }),
  );
});
