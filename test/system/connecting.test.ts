/**
 * The built agent where connecting is hard: names that are slow to be answered, addresses of which few are alive, handshakes that
 * lose a packet, and a real proxy. Where curl(1) delivers, so must it, and where nothing can, the status says which step failed.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { Authority } from '../support/certificates.ts';
import { runCommand } from '../support/command.ts';
import { commandMissing, LineProcess } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('nft');
const proxyMissing = missing ?? commandMissing('tinyproxy');
if (proxyMissing !== undefined) process.stderr.write(`connecting: ${proxyMissing}\n`);

interface Said {
  readonly listening?: number;
  readonly request?: string;
  readonly host?: string;
  readonly from?: string;
  readonly authorization?: string;
}

const PORT = 8080;
const SECURE_PORT = 8443;
const PROXY_PORT = 3128;

describe.skipIf(missing !== undefined)('an agent whose uploads', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  beforeEach(() => {
    hosts = new TwoHosts();
  });
  afterEach(() => {
    hosts.remove();
    rmSync(`/etc/netns/${hosts.observed.name}`, { recursive: true, force: true });
  });

  /** A file of /etc as the observed host sees it. */
  function place(name: string, text: string): void {
    const folder = `/etc/netns/${hosts.observed.name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
  }

  async function peer(setup: {
    readonly services: readonly { host: string; port: number; key?: string; cert?: string }[];
    readonly names?: readonly { address: string; answers?: Readonly<Record<string, string>> }[];
  }): Promise<LineProcess<Said>> {
    const child = hosts.peer.start(process.execPath, resolve('test/support/upload-peer.mjs'), JSON.stringify(setup));
    onTestFinished(() => void child.kill('SIGKILL'));
    const said = new LineProcess<Said>(child);
    const expected = setup.services.length + (setup.names?.length ?? 0);
    await said.until((lines) => lines.filter(({ listening }) => listening !== undefined).length === expected);
    return said;
  }

  function agentTo(endpoint: string, environment: Readonly<Record<string, string>> = {}): AgentProcess {
    const through = ['env', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
    const keys = { secretId: 'AKIDtest', secretKey: 'key-of-uploads' };
    const agent = new AgentProcess({
      namespace: hosts.observed,
      folder: temporaryFolder(),
      service: { url: endpoint, keys },
      windowSeconds: 1,
      through,
    });
    return agent;
  }

  const requests = (lines: readonly Said[]) => lines.filter(({ request }) => request !== undefined);

  async function delivers(agent: AgentProcess, service: LineProcess<Said>): Promise<void> {
    await agent.start();
    await service.until((lines) => requests(lines).length > 0);
    await agent.untilStatus(({ exporter }) => exporter.deliveredBatches > 0);
    expect((await agent.stop()).code).toBe(0);
  }

  /** The first SYN of every connection is lost, so that a handshake takes a second. */
  function loseFirstSyns(): void {
    const rules = `table ip lossy {
      set seen { type inet_service; flags dynamic, timeout; timeout 20s; }
      chain in { type filter hook input priority 0;
        tcp dport ${PORT} tcp flags & (syn | ack) == syn tcp sport != @seen add @seen { tcp sport } drop
      }
    }`;
    hosts.peer.run('nft', rules);
  }

  test('wait for a silent first name server are slow at first, and delivered', async () => {
    hosts.peer.ip('address', 'add', '10.9.0.9/24', 'dev', 'peer0');
    place('resolv.conf', 'nameserver 10.9.0.9\nnameserver 10.9.0.2\n');
    const answers = { 'cls.test': '10.9.0.2' };
    const service = await peer({
      services: [{ host: '10.9.0.2', port: PORT }],
      names: [{ address: '10.9.0.9' }, { address: '10.9.0.2', answers }],
    });
    await delivers(agentTo(`http://cls.test:${PORT}`), service);
  });

  test('have an IPv6 address without a route beside a slow handshake over IPv4 are delivered', async () => {
    hosts.observed.run('sysctl', '-qw', 'net.ipv6.conf.obs0.disable_ipv6=0', 'net.ipv6.conf.lo.disable_ipv6=0');
    place('hosts', '10.9.0.2 cls.test\nfd99::1 cls.test\n');
    loseFirstSyns();
    await delivers(agentTo(`http://cls.test:${PORT}`), await peer({ services: [{ host: '10.9.0.2', port: PORT }] }));
  });

  test('go to a name with three addresses, of which only the first is alive and slow, are delivered', async () => {
    place('hosts', '10.9.0.2 cls.test\n10.9.0.7 cls.test\n10.9.0.8 cls.test\n');
    loseFirstSyns();
    await delivers(agentTo(`http://cls.test:${PORT}`), await peer({ services: [{ host: '10.9.0.2', port: PORT }] }));
  });

  test('cannot arrive say which step failed: name, TCP with each address, or TLS', async () => {
    place('hosts', '10.9.0.2 cls.test\n10.9.0.3 cls.test\n');
    place('resolv.conf', 'nameserver 10.9.0.2\noptions timeout:1 attempts:1\n');
    hosts.peer.ip('address', 'add', '10.9.0.3/24', 'dev', 'peer0');
    await peer({ services: [{ host: '10.9.0.2', port: PORT }] });
    const says = async (endpoint: string, sentence: RegExp) => {
      const agent = agentTo(endpoint);
      await agent.start();
      const { exporter } = await agent.untilStatus((status) => status.exporter.state === 'backing-off');
      expect(exporter.lastError).toMatch(sentence);
      await agent.stop('SIGKILL');
    };
    await says(
      `http://nowhere.test:${PORT}`,
      /^name look-up of nowhere\.test failed: no name server answered \(EAI_AGAIN\)/,
    );
    await says('http://cls.test:9', /^TCP connection failed: 10\.9\.0\.2:9 ECONNREFUSED; 10\.9\.0\.3:9 ECONNREFUSED/);
    await says(`https://cls.test:${PORT}`, /^TLS handshake with 10\.9\.0\.2:8080 failed: /);
  });

  describe.skipIf(proxyMissing !== undefined)('go through tinyproxy', () => {
    /** It runs on the peer, so what comes through it comes from there. */
    async function startProxy(configuration = ''): Promise<void> {
      const path = join(temporaryFolder(), 'tinyproxy.conf');
      writeFileSync(
        path,
        `Port ${PROXY_PORT}\nListen 10.9.0.2\nTimeout 60\nMaxClients 20\nAllow 10.9.0.0/24\nConnectPort ${SECURE_PORT}\n${configuration}\n`,
      );
      const child = hosts.peer.start('tinyproxy', '-d', '-c', path);
      onTestFinished(() => void child.kill('SIGKILL'));
      let log = '';
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (log += text));
      while (!log.includes('Accepting connections')) {
        if (child.exitCode !== null) throw new Error(`tinyproxy ended: ${log}`);
        await sleep(20);
      }
    }

    function secureService(): { host: string; port: number; key: string; cert: string; caFile: string } {
      const authority = new Authority('own authority');
      onTestFinished(() => authority.remove());
      const caFile = join(temporaryFolder(), 'ca.pem');
      writeFileSync(caFile, authority.cert);
      return { host: '10.9.0.2', port: SECURE_PORT, ...authority.sign('DNS:cls.test'), caFile };
    }

    const BASIC = 'BasicAuth agent pass_word';
    const CLIENT = 'agent:pass%5Fword@';

    test('that the environment names, to an endpoint without TLS, are delivered', async () => {
      await startProxy();
      const service = await peer({ services: [{ host: '10.9.0.2', port: PORT }] });
      await delivers(agentTo(`http://10.9.0.2:${PORT}`, { http_proxy: `http://10.9.0.2:${PROXY_PORT}` }), service);
      for (const { from } of requests(service.lines)) expect(from).toBe('10.9.0.2');
    });

    test('but not where NO_PROXY or the configuration says otherwise', async () => {
      await startProxy();
      const service = await peer({ services: [{ host: '10.9.0.2', port: PORT }] });
      const proxied = { HTTP_PROXY: `10.9.0.2:${PROXY_PORT}` };
      await delivers(agentTo(`http://10.9.0.2:${PORT}`, { ...proxied, NO_PROXY: 'example.net,10.9.0.0/24' }), service);
      await delivers(agentTo(`http://10.9.0.2:${PORT}`, { ...proxied, FLOWLOGD_SINKS_CLS_PROXY: 'none' }), service);
      for (const { from } of requests(service.lines)) expect(from).toBe('10.9.0.1');
    });

    test('with a password, in a tunnel to a name that the proxy alone can look up, are delivered', async () => {
      const { caFile, ...listening } = secureService();
      mkdirSync(`/etc/netns/${hosts.peer.name}`, { recursive: true });
      onTestFinished(() => rmSync(`/etc/netns/${hosts.peer.name}`, { recursive: true }));
      writeFileSync(`/etc/netns/${hosts.peer.name}/hosts`, '10.9.0.2 cls.test\n');
      // After the names are in place: the files of a namespace are mounted when a process enters it.
      await startProxy(BASIC);
      const service = await peer({ services: [listening] });
      const agent = agentTo(`https://cls.test:${SECURE_PORT}`, {
        FLOWLOGD_SINKS_CLS_PROXY: `http://${CLIENT}10.9.0.2:${PROXY_PORT}`,
        FLOWLOGD_SINKS_CLS_CA_FILE: caFile,
      });
      await delivers(agent, service);
      const [first] = requests(service.lines);
      expect(first).toMatchObject({ from: '10.9.0.2', host: `cls.test:${SECURE_PORT}` });
      expect(first!.authorization).toBeUndefined();
    });

    test.each([
      [
        'a wrong password',
        'agent:wrong-password@',
        SECURE_PORT,
        'blocked',
        /40[17] .*; check the user and password in the option proxy of the sink$/,
      ],
      [
        'a port that the proxy does not allow',
        CLIENT,
        9443,
        'blocked',
        /403 .*; the rules of the proxy do not allow it$/,
      ],
      [
        'a service that the proxy cannot reach',
        CLIENT,
        SECURE_PORT,
        'backing-off',
        /50\d .*; check that the proxy can reach it$/,
      ],
    ])('and are refused by it for %s: the status names the proxy', async (_name, client, port, state, sentence) => {
      await startProxy(BASIC);
      const agent = agentTo(`https://10.9.0.2:${port}`, { HTTPS_PROXY: `http://${client}10.9.0.2:${PROXY_PORT}` });
      await agent.start();
      const { exporter } = await agent.untilStatus((status) => status.exporter.lastError !== null);
      expect(exporter.state).toBe(state);
      expect(exporter.lastError).toMatch(/^proxy http:\/\/10\.9\.0\.2:3128 did not connect to 10\.9\.0\.2:/);
      expect(exporter.lastError).toMatch(sentence);
      const { stdout, stderr } = await agent.stop('SIGKILL');
      for (const secret of ['wrong-password', 'pass%5Fword', 'pass_word'])
        expect(stdout + stderr).not.toContain(secret);
    });

    test('and are refused by it without TLS, where it answers in the place of the service', async () => {
      await startProxy(BASIC);
      await peer({ services: [{ host: '10.9.0.2', port: PORT }] });
      const agent = agentTo(`http://10.9.0.2:${PORT}`, { HTTP_PROXY: `http://10.9.0.2:${PROXY_PORT}` });
      await agent.start();
      const { exporter } = await agent.untilStatus((status) => status.exporter.lastError !== null);
      expect(exporter).toMatchObject({
        state: 'blocked',
        lastError: expect.stringMatching(/^proxy refused the upload/),
      });
      await agent.stop('SIGKILL');
    });
  });

  test('would go through a proxy that is none: check and run refuse the variable by name', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'flowlogd.yaml');
    const cls = { endpoint: 'https://cls.test', topicId: 't', secretId: 'a', secretKey: 'b' };
    writeFileSync(path, JSON.stringify({ stateDirectory: join(folder, 'state'), flowLogs: [{}], cls }), {
      mode: 0o600,
    });
    const env = { HTTPS_PROXY: 'socks5://agent:pass-of-proxy@10.9.0.2:1080' };
    for (const words of [
      ['check', '--config', path],
      ['run', '--config', path],
    ]) {
      const { code, stdout, stderr } = await runCommand(words, { namespace: hosts.observed, env });
      expect(code).toBe(78);
      expect(stderr).toContain('The variable HTTPS_PROXY names no HTTP proxy');
      expect(stdout + stderr).not.toContain('pass-of-proxy');
    }
  });
});
