import { describe, expect, test } from 'vitest';
import { proxyAuthorization, proxyFor, proxySecrets, shownProxy } from '../../../../agent/export/http/proxy.ts';

const PROXY = 'http://proxy.example.net:3128';
const chosen = (endpoint: string, environment: Record<string, string>, configured?: URL | 'none') =>
  proxyFor(new URL(endpoint), configured, environment)?.href;

describe('the proxy of an endpoint', () => {
  test.each([
    ['https://cls.example.com', { HTTPS_PROXY: PROXY }],
    ['https://cls.example.com', { https_proxy: PROXY, HTTPS_PROXY: 'http://other:1' }],
    ['https://cls.example.com', { https_proxy: '', HTTPS_PROXY: PROXY }],
    ['http://cls.example.com', { HTTP_PROXY: PROXY, HTTPS_PROXY: 'http://other:1' }],
    ['http://cls.example.com', { http_proxy: 'proxy.example.net:3128' }],
    [
      'https://cls.example.com',
      { HTTPS_PROXY: PROXY, NO_PROXY: 'example.net, ,cls.example.com:8443 xcls.example.com' },
    ],
    ['https://10.1.2.3', { HTTPS_PROXY: PROXY, NO_PROXY: '10.2.0.0/16,10.1.2.4,2001:db8::/32,10.0.0.0/99' }],
  ])('%s under %o is the one that the environment names', (endpoint, environment) => {
    expect(chosen(endpoint, environment)).toBe(`${PROXY}/`);
  });

  test.each([
    ['https://cls.example.com', { HTTP_PROXY: PROXY }],
    ['https://cls.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '*' }],
    ['https://cls.example.com', { HTTPS_PROXY: PROXY, no_proxy: 'other,example.com' }],
    ['https://cls.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '.EXAMPLE.com' }],
    ['https://cls.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '*.example.com' }],
    ['https://cls.example.com:8443', { HTTPS_PROXY: PROXY, NO_PROXY: 'cls.example.com:8443' }],
    ['https://cls.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: 'cls.example.com:443' }],
    ['https://10.1.2.3', { HTTPS_PROXY: PROXY, NO_PROXY: '10.0.0.0/8' }],
    ['https://10.1.2.3:8443', { HTTPS_PROXY: PROXY, NO_PROXY: '10.1.2.3:8443' }],
    ['https://[2001:db8::5]', { HTTPS_PROXY: PROXY, NO_PROXY: '2001:db8::/32' }],
    ['https://[2001:db8::5]:8443', { HTTPS_PROXY: PROXY, NO_PROXY: '[2001:db8::5]:8443' }],
    ['http://127.0.0.1:9514', { HTTP_PROXY: PROXY }],
    ['http://127.9.9.9:9514', { HTTP_PROXY: PROXY }],
    ['http://localhost:9514', { HTTP_PROXY: PROXY }],
    ['http://[::1]:9514', { HTTP_PROXY: PROXY }],
  ])('%s under %o is none', (endpoint, environment) => {
    expect(chosen(endpoint, environment)).toBeUndefined();
  });

  test('is the configured one before the environment, and none for a loopback address even so', () => {
    const configured = new URL('http://own.example.net:8080');
    expect(chosen('https://cls.example.com', { HTTPS_PROXY: PROXY, NO_PROXY: '*' }, configured)).toBe(configured.href);
    expect(chosen('http://127.0.0.1:1', {}, configured)).toBeUndefined();
    expect(chosen('https://cls.example.com', { HTTPS_PROXY: PROXY }, 'none')).toBeUndefined();
  });

  test.each(['socks5://proxy:1080', 'http://', 'http://proxy/path', 'a b'])(
    'is refused where %s is no HTTP proxy',
    (text) => {
      expect(() => chosen('https://cls.example.com', { https_proxy: text })).toThrow(
        /variable https_proxy names no HTTP proxy/,
      );
    },
  );
});

test('user and password of a proxy are sent, known for secrets and never shown', () => {
  const proxy = new URL('http://agent:p%40ss@proxy.example.net:3128');
  const token = Buffer.from('agent:p@ss').toString('base64');
  expect(proxyAuthorization(proxy)).toBe(`Basic ${token}`);
  expect(proxySecrets(proxy)).toEqual([token, 'p%40ss', 'p@ss']);
  expect(shownProxy(proxy)).toBe(PROXY);
  expect(proxyAuthorization(new URL(PROXY))).toBeUndefined();
});
