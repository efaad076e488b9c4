import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadTextFile } from '../../../agent/config/files.ts';
import { deriveFlowLogId, type Loaded, loadConfiguration } from '../../../agent/config/load.ts';
import type { ClsOptions } from '../../../agent/export/cls/options.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';

interface Around {
  readonly environment?: Readonly<Record<string, string>>;
  readonly mode?: number;
  /** Other files by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly fileMode?: number;
  readonly zstd?: boolean;
}

/** A file that has flow logs, whatever else is in it. */
function load(text: string, around: Around = {}): Loaded {
  return loadAsIs(text.includes('flowLogs') ? text : `${text}\nflowLogs: [{}]\n`, around);
}

function loadAsIs(text: string, around: Around = {}): Loaded {
  const readTextFile: ReadTextFile = (path) => {
    if (path === 'flowlogd.yaml') return { text, mode: around.mode ?? 0o644 };
    const found = around.files?.[path];
    if (found === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return { text: found, mode: around.fileMode ?? 0o600 };
  };
  const environment = around.environment ?? {};
  return loadConfiguration({
    path: 'flowlogd.yaml',
    environment,
    readTextFile,
    sinkKinds: SINKS,
    zstd: around.zstd ?? false,
    readNamedFiles: true,
  });
}

/** Of the only sink, which is of type cls. */
function clsOf({ configuration: { sinks } }: Pick<Loaded, 'configuration'>): ClsOptions | undefined {
  return sinks[0]?.options as ClsOptions | undefined;
}

/** The report's lines, without heading. */
function problems(text: string, around: Around = {}): string[] {
  try {
    load(text, around);
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'config.invalid') throw error;
    const [heading = '', ...lines] = error.message.split('\n  ');
    expect(heading).toBe(`The configuration has ${lines.length === 1 ? 'a problem' : `${lines.length} problems`}:`);
    return lines;
  }
  return [];
}

const CLS = `
cls:
  endpoint: https://ap-guangzhou.cls.tencentcs.com
  topicId: topic
  secretId: AKID
  secretKey: hush
`;

describe('the webhook of findings', () => {
  const URL_TEXT = 'https://hooks.example.net/flowlogd?token=hush';

  test('has its URL and secret in the configuration, in files or in variables, and shows neither', () => {
    const files = { '/u': `${URL_TEXT}\n`, '/s': 'hush\n', '/ca': 'PEM' };
    const loads = [
      load(`findings: { webhook: { url: '${URL_TEXT}', secret: hush, caFile: /ca } }`, { mode: 0o600, files }),
      load('findings: { webhook: { urlFile: /u, secretFile: /s, caFile: /ca } }', { files }),
      load('findings: { webhook: { caFile: /ca } }\nflowLogs: [{}]', {
        files,
        environment: { FLOWLOGD_FINDINGS_WEBHOOK_URL: URL_TEXT, FLOWLOGD_FINDINGS_WEBHOOK_SECRET: 'hush' },
      }),
    ];
    for (const { configuration, settings, warnings } of loads) {
      const webhook = { url: new URL(URL_TEXT), secret: 'hush', ca: 'PEM', proxy: undefined, severityMin: 'low' };
      expect(configuration.webhook).toEqual(webhook);
      expect(JSON.stringify(settings.map(({ shown }) => shown))).not.toContain('hush');
      expect(warnings.filter((line) => line.includes('webhook') || line.includes('findings'))).toEqual([]);
    }
    expect(load('').configuration.webhook).toBeUndefined();
  });

  test.each([
    [
      '{ secretFile: /s }',
      'findings.webhook.secretFile: missing findings.webhook.url, without which nothing is posted',
    ],
    ['{ url: "ftp://x" }', 'findings.webhook.url: '],
    ['{ url: "https://user:pw@x/" }', 'findings.webhook.url: '],
    ['{ url: "https://x/", severity: bad }', 'findings.webhook.severity: '],
  ])('is refused as %s', (webhook, problem) => {
    const lines = problems(`findings: { webhook: ${webhook} }`, { mode: 0o600, files: { '/s': 'x' } });
    expect(lines.join()).toContain(problem);
    expect(lines.join()).not.toContain('pw');
  });

  test('without TLS or without a secret is warned about', () => {
    const { warnings } = load('findings: { webhook: { url: "http://hooks.example.net/" } }', { mode: 0o600 });
    expect(warnings).toContain('findings are sent to http://hooks.example.net unencrypted; use https');
    expect(warnings).toContain('findings.webhook has no secret: the receiver cannot tell who sent a message');
  });
});

describe('the key of pseudonyms', () => {
  const KEY = '0123456789abcdef'.repeat(4);
  const WANTED = 'flowLogs: [{ interfaces: [eth0], addresses: pseudonymised }]';
  const bytes = Uint8Array.from(Buffer.from(KEY, 'hex'));

  test('is in a file, in a variable, or in the configuration, and is never shown', () => {
    const loads = [
      load(`${WANTED}\nprivacy: { keyFile: /k }`, { files: { '/k': `${KEY}\n` } }),
      load(WANTED, { environment: { FLOWLOGD_PRIVACY_KEY: KEY } }),
      load(`${WANTED}\nprivacy: { key: '${KEY}' }`, { mode: 0o600 }),
    ];
    for (const { configuration, settings } of loads) {
      expect(configuration.privacy.key).toEqual(bytes);
      expect(JSON.stringify(settings.map(({ shown }) => shown))).not.toContain(KEY);
    }
  });

  test('is required where a flow log demands pseudonyms', () => {
    expect(problems(WANTED)).toEqual([
      'flowlogd.yaml:1:45: flowLogs[0].addresses: pseudonyms require a key: set privacy.keyFile to a file that openssl rand -hex 32 has written',
    ]);
    expect(load('').configuration.privacy.key).toBeUndefined();
  });

  test('is 64 hexadecimal digits', () => {
    const [line] = problems(`${WANTED}\nprivacy: { keyFile: /k }`, { files: { '/k': 'short' } });
    expect(line).toContain('privacy.keyFile: its content is invalid: expected 64 hexadecimal digits');
  });

  test('in a file that others can read is warned about', () => {
    const { warnings } = load(`${WANTED}\nprivacy: { keyFile: /k }`, { files: { '/k': KEY }, fileMode: 0o644 });
    expect(warnings).toContain('/k is world-readable; run chmod 600 /k');
  });
});

describe('a configuration', () => {
  test('whose aliases refer to each other is refused where they begin to repeat too much', () => {
    const networks = `networks: [&n 2001:db8::/32${', *n'.repeat(255)}]`;
    const wide = `exclude: { rules: [&r { name: x, ${networks} }${', *r'.repeat(63)}] }`;
    const [line] = problems(wide).slice(-1);
    expect(line).toMatch(
      /^flowlogd\.yaml:1:\d+: its aliases repeat more than 128KiB of it; write out what they stand for$/,
    );
  });

  test.each([
    ['cls: { endpoint: "https://user:hush@host" }', 'cls.endpoint'],
    ['cls: { endpoint: "https://user:hu@sh@host/x" }', 'cls.endpoint'],
    ['cls: { endpoint: "user:hush@host" }', 'cls.endpoint'],
    ['capture: https://user:hush@host', 'capture'],
    ['telemetry: { listen: "http://user:hush@127.0.0.1:9000" }', 'telemetry.listen'],
  ])('%s is refused without the password of the URL', (text, option) => {
    const lines = problems(text).filter((line) => line.includes(`${option}: `));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('(hidden)@');
    expect(lines[0]).not.toMatch(/hu@?sh/);
  });

  test('of an empty file is the defaults', () => {
    const { configuration } = load('');
    expect(configuration.stateDirectory).toBe('/var/lib/flowlogd');
    expect(configuration.flowLogs).toEqual([
      {
        id: deriveFlowLogId(['default']),
        name: 'default',
        resourceType: 'NETWORKINTERFACE',
        description: '',
        tags: [],
        enabled: true,
        interfaces: ['default'],
        interfaceId: undefined,
        sinks: [],
        trafficType: 'ALL',
        fields: [],
        count: 'host',
        addresses: 'plain',
        constants: {},
        windowSeconds: 300,
        accountId: '-',
      },
    ]);
    expect(configuration.capture).toEqual({
      engine: 'auto',
      snapBytes: 128,
      bufferBytes: 67_108_864,
      promiscuous: false,
      filter: '',
    });
    expect(configuration.spool).toEqual({ bytesMax: 1_073_741_824, ageSecondsMax: 604_800 });
    expect(configuration.sinks).toEqual([]);
  });

  test('reads every kind of value', () => {
    const { configuration } = load(readFileSync('docs/examples/gateway.yaml', 'utf8'), {
      files: {
        '/run/secrets/cls-secret-id': 'AKID\n',
        '/run/secrets/cls-secret-key': 'hush\n',
        '/etc/flowlogd/ca.pem': 'PEM',
      },
    });
    expect(configuration.flowLogs.map(({ windowSeconds, accountId }) => [windowSeconds, accountId])).toEqual([
      [60, '1251234567'],
      [300, '1251234567'],
    ]);
    expect(configuration.exclude.rules[0]).toMatchObject({ name: 'backup', protocol: 6 });
    expect(configuration.exclude.rules[0]?.ports).toEqual([
      [873, 873],
      [8000, 8099],
    ]);
    expect(configuration.exclude.rules[1]).toMatchObject({ protocol: 112, networks: [], ports: [] });
    expect(configuration.exclude.kmsServers).toHaveLength(1);
    expect(clsOf({ configuration })?.credentials).toEqual({ secretId: 'AKID', secretKey: 'hush', token: undefined });
    expect(clsOf({ configuration })?.tls).toEqual({ ca: 'PEM', cert: undefined, key: undefined });
    expect(String(clsOf({ configuration })?.endpoint)).toBe('https://cls.example.net:8443/');
    expect(clsOf({ configuration })).not.toHaveProperty('secretKey');
  });

  test('keeps the leading zeros of what is a text', () => {
    expect(load('flowLogs: [{accountId: 007, name: 1e3}]').configuration.flowLogs[0]).toMatchObject({
      accountId: '007',
      name: '1e3',
    });
  });

  test('is frozen to its leaves', () => {
    const { configuration } = load('');
    expect(Object.isFrozen(configuration)).toBe(true);
    expect(Object.isFrozen(configuration.flowLogs)).toBe(true);
    expect(Object.isFrozen(configuration.flowLogs[0]?.interfaces)).toBe(true);
  });

  test('follows anchors', () => {
    const { configuration } = load(
      'flowLogs:\n  - &a {name: x, interfaces: [lo]}\nexclude: {dhcp: &no false, dhcpv6: *no}\n',
    );
    expect(configuration.exclude).toMatchObject({ dhcp: false, dhcpv6: false });
  });

  test('names each flow log by its interfaces, whatever their order, and not by its name', () => {
    const id = (yaml: string): string | undefined => load(`flowLogs: [${yaml}]`).configuration.flowLogs[0]?.id;
    expect(id('{name: a, interfaces: [x, y]}')).toBe(id('{name: b, interfaces: [y, x]}'));
    expect(id('{interfaces: [x, y]}')).not.toBe(id('{interfaces: [xy]}'));
    expect(id('{interfaces: [x]}')).toMatch(/^fl-[0-9a-z]{8}$/);
    expect(id('{id: fl-mine}')).toBe('fl-mine');
  });
});

describe('the environment', () => {
  test('overrides the file, which overrides the defaults', () => {
    const environment = {
      FLOWLOGD_CAPTURE_SNAP_BYTES: '256',
      FLOWLOGD_LOG_LEVEL: '',
      FLOWLOGD_EXCLUDE_KMS_SERVERS: '10.0.0.0/8, 192.0.2.1',
      FLOWLOGD_FLOW_LOGS: '[{"name": "pod", "interfaces": ["eth0"]}]',
    };
    const { configuration, settings } = load('capture: {snapBytes: 512}\nlog: {level: warn}\n', { environment });
    expect(configuration.capture.snapBytes).toBe(256);
    expect(configuration.log.level).toBe('warn');
    expect(configuration.exclude.kmsServers).toHaveLength(2);
    expect(configuration.flowLogs[0]).toMatchObject({ name: 'pod', interfaces: ['eth0'] });
    const origins = new Map(settings.map(({ path, origin }) => [path, origin]));
    expect(origins.get('capture.snapBytes')).toEqual({
      from: 'environment',
      variable: 'FLOWLOGD_CAPTURE_SNAP_BYTES',
    });
    expect(origins.get('log.level')).toEqual({ from: 'file', line: 2, column: 14 });
    expect(origins.get('capture.engine')).toEqual({ from: 'default' });
    expect(origins.get('flowLogs[0].name')).toEqual({ from: 'environment', variable: 'FLOWLOGD_FLOW_LOGS' });
  });

  test('can hold a whole section that the file does not have', () => {
    const { configuration } = load('', {
      environment: {
        FLOWLOGD_CLS_ENDPOINT: 'https://cls.example.net',
        FLOWLOGD_CLS_TOPIC_ID: 't',
        FLOWLOGD_CLS_SECRET_ID: 'a',
        FLOWLOGD_CLS_SECRET_KEY: 'b',
      },
    });
    expect(clsOf({ configuration })?.credentials.secretKey).toBe('b');
  });

  test('of systemd gives the state directory', () => {
    const environment = { STATE_DIRECTORY: '/var/lib/private/flowlogd:/var/lib/other' };
    expect(load('', { environment }).configuration.stateDirectory).toBe('/var/lib/private/flowlogd');
    expect(load('stateDirectory: /data', { environment }).configuration.stateDirectory).toBe('/data');
  });

  test('is checked like the file, and its problems name the variable', () => {
    const environment = { FLOWLOGD_LOG_LEVEL: 'loud', FLOWLOGD_FLOW_LOGS: 'web', FLOWLOGD_SPOOL_BYTES_MAX: '1' };
    expect(problems('', { environment })).toEqual([
      expect.stringMatching(/^FLOWLOGD_FLOW_LOGS: flowLogs: expected a list in YAML or JSON/),
      expect.stringMatching(/^FLOWLOGD_SPOOL_BYTES_MAX: spool.bytesMax: invalid value '1': .*from 16MiB to 16TiB/),
      expect.stringMatching(/^FLOWLOGD_LOG_LEVEL: log.level: invalid value 'loud': expected one of/),
    ]);
  });

  test('is warned about when a variable sets nothing, except for what Kubernetes puts there', () => {
    const environment = {
      FLOWLOGD_CAPTURE_SNAPBYTES: '1',
      FLOWLOGD_PORT_80_TCP: 'tcp://10.0.0.1:80',
      FLOWLOGD_SERVICE_HOST: '10.0.0.1',
    };
    expect(load('', { environment }).warnings).toEqual([
      'unknown environment variable FLOWLOGD_CAPTURE_SNAPBYTES; did you mean FLOWLOGD_CAPTURE_SNAP_BYTES?',
    ]);
  });
});

describe('a report', () => {
  test('has every problem with its line, in the order of the file', () => {
    const text = [
      'stateDirectory: here',
      'flowLog: []',
      'flowLogs:',
      '  - name: web',
      '    interfaces: eth0',
      '    windowSecond: 60',
      '  - name: db',
      '    interfaces: [eth1]',
      '    windowSeconds: 2h',
      'capture:',
      '  snapBytes: 1 MB',
      '  promiscuous: yes',
      '  snapBytes: 96',
      'exclude: none',
      'log:',
      '  level:',
    ].join('\n');
    expect(problems(text)).toEqual([
      "flowlogd.yaml:1:17: stateDirectory: invalid value 'here': expected an absolute path",
      'flowlogd.yaml:2:1: flowLog: unknown option; did you mean flowLogs?',
      "flowlogd.yaml:5:17: flowLogs[0].interfaces: expected a list, not 'eth0'; write [] for an empty one",
      'flowlogd.yaml:6:5: flowLogs[0].windowSecond: unknown option; did you mean windowSeconds?',
      expect.stringMatching(/^flowlogd.yaml:9:20: flowLogs\[1\].windowSeconds: invalid value '2h': .*from 1s to 10m/),
      expect.stringMatching(/^flowlogd.yaml:11:14: capture.snapBytes: invalid value '1 MB': expected a size from/),
      "flowlogd.yaml:12:16: capture.promiscuous: invalid value 'yes': expected true or false",
      'flowlogd.yaml:13:3: capture.snapBytes: duplicate key, first defined on line 11; remove one',
      "flowlogd.yaml:14:10: exclude: expected a section of options, not 'none'",
      expect.stringMatching(/^flowlogd.yaml:16:9: log.level: expected one of .*, not nothing$/),
    ]);
  });

  test.each<[string, string, RegExp, Around?]>([
    ['broken YAML', 'capture: {snapBytes: 1', /^flowlogd.yaml:2:\d+: invalid YAML: /],
    [
      'a field in a list, written as the cloud does and without quotes',
      `flowLogs:\n  - name: a\n    fields: [eni, \${tcp-flags} \${first}]\n`,
      /^flowlogd.yaml:\d+:19: \$\{tcp-flags\} in a list requires quotes, .*: write '\$\{tcp-flags\}', or tcp-flags alone$/,
    ],
    ['tabs', 'capture:\n\tsnapBytes: 1', /^flowlogd.yaml:2:1: invalid YAML: /],
    ['two documents', 'log: {}\n---\nlog: {}\n', /invalid YAML: /],
    ['what names every object has', 'constructor: {}', /:1:1: constructor: unknown option/],
    ['a number as a key', '7: {}', /:1:1: 7: unknown option/],
    [
      'an unknown option without a near name',
      'log: {colour: red}',
      /log.colour: unknown option; expected one of level/,
    ],
    ['a section where a value belongs', 'log: {level: {a: 1}}', /log.level: expected one of .*, not a section/],
    [
      'an interface that cannot be',
      'flowLogs: [{interfaces: ["eth 0"]}]',
      /interfaces\[0\]: invalid value 'eth 0': expected/,
    ],
    ['a long name', `flowLogs: [{name: ${'n'.repeat(61)}}]`, /name: invalid value .*: expected a text of 1 to 60/],
    ['a wrong network', 'exclude: {kmsServers: [10.0.0.0/33]}', /kmsServers\[0\]: invalid value '10.0.0.0\/33'/],
    ['a range upside down', 'exclude: {rules: [{name: a, ports: [9-8]}]}', /ports\[0\]: invalid value '9-8'/],
    [
      'a rule without a name',
      'exclude: {rules: [{protocol: tcp}]}',
      /:1:19: exclude.rules\[0\].name: missing required option/,
    ],
    ['a rule without a condition', 'exclude: {rules: [{name: a}]}', /the rule excludes everything/],
    ['the name of a built-in rule', 'exclude: {rules: [{name: dhcp, protocol: udp}]}', /'\w+' is a built-in rule/],
    ['ports of icmp', 'exclude: {rules: [{name: a, protocol: icmp, ports: [1]}]}', /ports require protocol tcp or udp/],
    [
      'two rules of a name',
      'exclude: {rules: [{name: a, protocol: 1}, {name: a, protocol: 2}]}',
      /rules\[1\].name: 'a' is already the name of exclude.rules\[0\]/,
    ],
    [
      'an interface in two flow logs',
      'flowLogs: [{interfaces: [eth0]}, {interfaces: [eth1, eth0]}]',
      /flowLogs\[1\].interfaces: 'eth0' is already an interface of flowLogs\[0\]/,
    ],
    [
      'two flow logs of an id',
      'flowLogs: [{id: a}, {id: a, interfaces: [x]}]',
      /'a' is already the id of flowLogs\[0\]/,
    ],
    [
      'rejections with an engine that cannot listen',
      'flowLogs: [{rejects: {nflog: 5}}]\ncapture: {engine: cap}',
      /flowLogs\[0\].rejects.nflog: NFLOG is not supported by the engine cap/,
    ],
    [
      'rejections of what a filter keeps out',
      'flowLogs: [{rejects: {nflog: 5}}]\ncapture: {filter: tcp}',
      /cannot be combined with capture.filter.*: use exclude/,
    ],
    [
      'the wire with an engine that cannot tell',
      'flowLogs: [{count: wire}]\ncapture: {engine: libpcap}',
      /flowLogs\[0\].count: 'wire' is not supported by the engine libpcap: set capture.engine to ring/,
    ],
    [
      'the wire on any',
      'flowLogs: [{count: wire, interfaces: [eth0, any]}]',
      /flowLogs\[0\].count: 'wire' is not supported on any: list the interfaces/,
    ],
    [
      'fields of the wire with an engine that cannot tell',
      'flowLogs: [{fields: [eni, wire-bytes]}]\ncapture: {engine: libpcap}',
      /flowLogs\[0\].fields: 'wire-bytes' is not supported by the engine libpcap: set capture.engine to ring/,
    ],
    [
      'fields of the wire on any',
      'flowLogs: [{fields: [srcaddr, wire-packets], interfaces: [any]}]',
      /flowLogs\[0\].fields: 'wire-packets' is not supported on any: list the interfaces/,
    ],
    [
      'one id for several interfaces',
      'flowLogs: [{interfaceId: i, interfaces: [eth*]}]',
      /expected exactly one interface/,
    ],
    [
      'http with a path',
      CLS.replace('.com', '.com/v1'),
      /cls.endpoint: .* without user, path or query/,
      { mode: 0o600 },
    ],
    [
      'no key',
      CLS.replace('  secretKey: hush', ''),
      /:3:\d+: cls: missing cls.secretKey or cls.secretKeyFile/,
      { mode: 0o600 },
    ],
    [
      'a key twice',
      `${CLS}  secretKeyFile: k`,
      /cls.secretKeyFile: cannot be combined with cls.secretKey/,
      { mode: 0o600, files: { k: 'k' } },
    ],
    [
      'an open file with a key',
      CLS,
      /cls.secretId: secret in a world-readable file \(mode 0644\): run chmod 600 flowlogd.yaml/,
    ],
    ['zstd on an old Node', `${CLS}  compression: zstd`, /zstd requires Node 22.15/, { mode: 0o600 }],
    [
      'half a client certificate',
      `${CLS}  certFile: /c`,
      /missing cls.keyFile: a client certificate requires its key/,
      { mode: 0o600, files: { '/c': 'c' } },
    ],
    [
      'a file that is not there',
      `${CLS}  caFile: /c`,
      /caFile: cannot read \/c: no such file or directory \(ENOENT\)/,
      { mode: 0o600 },
    ],
    ['an empty file', `${CLS}  caFile: /c`, /caFile: \/c is empty/, { mode: 0o600, files: { '/c': ' \n' } }],
    ['a section with nothing in it', 'cls:', /cls.endpoint: missing required option: expected a URL/],
  ])('names %s', (_, text, problem, around) => {
    expect(problems(text, around).join('\n')).toMatch(problem);
  });

  test('never shows a secret', () => {
    const text = `${CLS.replace('hush', '""')}`;
    expect(problems(text, { mode: 0o600 }).join('\n')).toMatch(/cls.secretKey: invalid value: expected/);
    const { settings } = load(CLS, { mode: 0o640 });
    expect(JSON.stringify(settings.map(({ shown }) => shown))).not.toMatch(/hush|AKID/);
  });

  test('says that a file is missing, with its own exit code', () => {
    const readTextFile: ReadTextFile = (path) => {
      throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    };
    expect(() =>
      loadConfiguration({
        path: '/x',
        environment: {},
        readTextFile,
        sinkKinds: SINKS,
        zstd: false,
        readNamedFiles: true,
      }),
    ).toThrow('Reading the configuration /x failed: no such file or directory (ENOENT).');
  });

  test('refuses a file that is too long to be one', () => {
    expect(() => load('#'.repeat(1024 * 1024 + 1))).toThrow(/longer than 1MiB/);
  });

  test('of any text is a configuration or a refusal, never a crash', () => {
    const keys = fc.constantFrom(
      'flowLogs',
      'cls',
      'capture',
      'exclude',
      'rules',
      'name',
      'interfaces',
      'level',
      'log',
      '<<',
    );
    const texts = fc.oneof(
      fc.string(),
      fc
        .array(
          fc
            .tuple(keys, fc.constantFrom(': ', ':\n  - ', ':\n  ', ': &a [*a]\n', ': {', ' '))
            .map((pair) => pair.join('')),
        )
        .map((lines) => lines.join('\n')),
      fc.json(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          load(text);
        } catch (error) {
          expect(error).toBeInstanceOf(OperationalError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('telemetry.listen', () => {
  const loaded = (address: string) => load(`telemetry: { listen: '${address}' }`);

  test('is an address and a port, off by default, with a warning beyond loopback', () => {
    expect(load('').configuration.telemetry.listen).toBeUndefined();
    expect(loaded('127.0.0.1:9753').configuration.telemetry.listen).toEqual({ host: '127.0.0.1', port: 9753 });
    expect(loaded('[::1]:9753').configuration.telemetry.listen).toEqual({ host: '::1', port: 9753 });
    expect(loaded('127.0.0.1:9753').warnings).toEqual([]);
    expect(loaded('[::1]:9753').warnings).toEqual([]);
    expect(loaded('0.0.0.0:9753').warnings).toEqual([expect.stringMatching(/every client that reaches/)]);
    expect(loaded('[::]:9753').warnings).toHaveLength(1);
  });

  test.each([
    '9753',
    'localhost:9753',
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:9753',
    '[127.0.0.1]:80',
    '300.0.0.1:80',
  ])('is not %s', (address) => {
    expect(problems(`telemetry: { listen: '${address}' }`)).toEqual([
      expect.stringMatching(/expected an IP address and a port/),
    ]);
  });
});

describe('secrets in files', () => {
  const yaml = CLS.replace('secretId: AKID', 'secretIdFile: id').replace('secretKey: hush', 'secretKeyFile: key');

  test('are looked up beside the configuration, or among the credentials of systemd', () => {
    const files = { '/run/credentials/f/id': 'I\n', '/run/credentials/f/key': 'K\n' };
    const environment = { CREDENTIALS_DIRECTORY: '/run/credentials/f' };
    expect(clsOf(load(yaml, { environment, files }))?.credentials).toMatchObject({
      secretId: 'I',
      secretKey: 'K',
    });
    const here = process.cwd();
    const beside = { [`${here}/id`]: 'i', [`${here}/key`]: 'k' };
    expect(clsOf(load(yaml, { files: beside }))?.credentials).toMatchObject({
      secretId: 'i',
      secretKey: 'k',
    });
  });

  test('are warned about when everybody can read them', () => {
    const files = { '/c/id': 'I', '/c/key': 'K' };
    const { warnings } = load(yaml, { environment: { CREDENTIALS_DIRECTORY: '/c' }, files, fileMode: 0o644 });
    expect(warnings).toEqual([expect.stringMatching(/^\/c\/id is world-readable/), expect.stringMatching(/^\/c\/key/)]);
  });

  test('travel unencrypted only with a warning', () => {
    const warnings = (endpoint: string): readonly string[] =>
      load(CLS.replace('https://ap-guangzhou.cls.tencentcs.com', endpoint), { mode: 0o600 }).warnings;
    expect(warnings('http://cls.example.net')).toEqual([expect.stringMatching(/unencrypted; use https/)]);
    expect(warnings('http://127.0.0.1:8080')).toEqual([]);
  });

  test.each([
    ['https://cls.tencentcloudapi.com', '<region>'],
    ['https://cls.ap-guangzhou.tencentcloudapi.com', 'ap-guangzhou'],
    ['https://cls.ap-shanghai-fsi.tencentcloudapi.com', 'ap-shanghai-fsi'],
    ['https://cls.intl.tencentcloudapi.com', '<region>'],
    ['https://CLS.TencentCloudAPI.com.', '<region>'],
    ['https://cls.tencentcloudapi.com.cn', '<region>'],
    ['https://cls.internal.tencentcloudapi.com', '<region>'],
  ])('to %s, the management API, are warned about', (endpoint, region) => {
    const { warnings } = load(CLS.replace('https://ap-guangzhou.cls.tencentcs.com', endpoint), { mode: 0o600 });
    expect(warnings).toEqual([expect.stringContaining(`use https://${region}.cls.tencentcs.com`)]);
  });

  test.each([
    'https://ap-guangzhou.cls.tencentcs.com',
    'https://tencentcloudapi.example.net',
    'https://notencentcloudapi.com',
  ])('to %s are not', (endpoint) => {
    const { warnings } = load(CLS.replace('https://ap-guangzhou.cls.tencentcs.com', endpoint), { mode: 0o600 });
    expect(warnings).toEqual([]);
  });
});

describe('a file that is no whole configuration', () => {
  const failure = (text: string, around: Around = {}) => {
    try {
      loadAsIs(text, around);
    } catch (error) {
      return error instanceof OperationalError ? `${error.code}: ${error.message}` : String(error);
    }
    return undefined;
  };

  test.each([
    ['no byte', '', /empty file; restore it, or write flowLogs: \[\] to capture nothing\.$/],
    ['NUL bytes alone', '\0'.repeat(512), /corrupt file \(NUL bytes, as after a crash\); restore it\.$/],
    ['NUL bytes at its end', `flowLogs: [{}]\n${'\0'.repeat(9)}`, /corrupt file \(NUL bytes/],
    [
      'a blank line',
      '\n',
      /1:1: flowLogs: missing required option: write flowLogs: \[\{ interfaces: \[eth0\] \}\], or flowLogs: \[\]/,
    ],
    ['comments alone', '# flowLogs: [{}]\n', /flowLogs: missing required option/],
    ['null', 'null\n', /flowLogs: missing required option/],
    ['nothing but a marker', '---\n', /flowLogs: missing required option/],
    ['other keys', 'log: { level: info }\n', /flowLogs: missing required option/],
    ['the key without a value', 'flowLogs:\n', /flowLogs: (?:missing required option|expected a list)/],
    ['null as the value', 'flowLogs: null\n', /flowLogs: (?:missing required option|expected a list)/],
    ['a list as a file', '- a', /flowlogd.yaml:1:1: expected a section.*, not a list/],
  ])('is refused with %s', (_, text, sentence) => {
    expect(failure(text)).toMatch(/^config\.invalid: /);
    expect(failure(text)).toMatch(sentence);
  });

  test('has no flow logs when it says so', () => {
    expect(loadAsIs('flowLogs: []\n').configuration.flowLogs).toEqual([]);
  });

  test('needs no flow logs where the environment has them, and is refused empty all the same', () => {
    const environment = { FLOWLOGD_FLOW_LOGS: '[{name: pod, interfaces: [eth0]}]' };
    expect(loadAsIs('log: { level: info }\n', { environment }).configuration.flowLogs).toHaveLength(1);
    expect(loadAsIs('# all of it is in the environment\n', { environment }).configuration.flowLogs).toHaveLength(1);
    expect(failure('', { environment })).toMatch(/empty file/);
  });
});
