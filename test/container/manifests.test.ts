import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfiguration } from '../../agent/config/load.ts';
import { SINKS } from '../../agent/export/sinks.ts';

const read = (path: string): string => readFileSync(new URL(`../../container/${path}`, import.meta.url), 'utf8');

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly securityContext: Record<string, unknown>;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly terminationGracePeriodSeconds: number;
}

/** What flowlogd warns of when it loads a file as in the container: with its variables, and every named file in place. */
function warningsOf(text: string, environment: Record<string, string>): readonly string[] {
  const readTextFile = (path: string) => ({ text: path === 'checked.yaml' ? text : 'content', mode: 0o600 });
  const { warnings } = loadConfiguration({
    path: 'checked.yaml',
    environment,
    readTextFile,
    sinkKinds: SINKS,
    zstd: true,
    readNamedFiles: true,
  });
  return warnings;
}

/** The container's own variables; what the cluster fills in is a name, or an address. */
function environmentOf({ env }: Container): Record<string, string> {
  const filled = env.map(({ name, value }) => [name, value ?? (name.endsWith('_IP') ? '192.0.2.1' : 'web-1')] as const);
  const values = Object.fromEntries(filled);
  const expand = (text: string) => text.replace(/\$\((\w+)\)/g, (_, name: string) => values[name] ?? '');
  return Object.fromEntries(filled.map(([name, value]) => [name, expand(value)]));
}

describe.each(['sidecar.yaml', 'daemonset.yaml'])('kubernetes/%s', (file) => {
  const documents = parseAllDocuments(read(`kubernetes/${file}`)).map((document) => document.toJS());
  const config = documents.find(({ kind }) => kind === 'ConfigMap').data['flowlogd.yaml'] as string;
  const workload = documents.find(({ kind }) => kind === 'Pod' || kind === 'DaemonSet');
  const pod = (workload.kind === 'Pod' ? workload.spec : workload.spec.template.spec) as PodSpec;
  const agent = pod.containers.find(({ name }) => name === 'flowlogd')!;

  test('has a configuration that flowlogd accepts, with its variables', () => {
    const warnings = warningsOf(config, environmentOf(agent));
    expect(warnings).toEqual([expect.stringContaining('exposes metrics to every client')]);
  });

  test('gives the agent one capability, a user of its own and nothing to write to but its volumes', () => {
    expect(agent.securityContext).toMatchObject({
      runAsUser: 10_001,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
    });
    expect(agent.securityContext).not.toHaveProperty('privileged');
  });

  test('mounts only volumes that it has, among them the state', () => {
    const volumes = pod.volumes.map(({ name }) => name);
    for (const { name } of agent.volumeMounts) expect(volumes).toContain(name);
    expect(agent.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/var/lib/flowlogd');
  });

  test('bounds its memory, and leaves it the time that an end takes', () => {
    expect(agent.resources.limits.memory).toMatch(/^\d+[MG]i$/);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(25);
  });
});

describe('compose.yaml', () => {
  const { services } = parse(read('compose.yaml')) as { services: Record<string, Record<string, unknown>> };
  const agent = services['flowlogd']!;

  test('runs the agent in the network of the workload, with one capability and a read-only root', () => {
    expect(agent).toMatchObject({
      network_mode: 'service:workload',
      cap_drop: ['ALL'],
      cap_add: ['NET_RAW'],
      read_only: true,
    });
  });

  test('gives the agent a configuration that it accepts', () => {
    const environment = Object.entries(agent['environment'] as Record<string, string>);
    const defaults = environment.map(([name, text]) => [name, text.replace(/^\$\{\w+:-(.*)\}$/, '$1')]);
    const warnings = warningsOf(read('flowlogd.yaml'), Object.fromEntries(defaults));
    expect(warnings).toEqual([expect.stringContaining('http://logservice:9514 unencrypted')]);
  });
});
