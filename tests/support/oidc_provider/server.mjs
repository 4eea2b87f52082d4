// An OpenID provider on loopback, with its paths laid out as Okta's custom authorization servers have them.
// One argument: a file of settings as JSON. It prints `listening PORT` when it is ready.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// The package is installed in the build directory, not beside this file.
const { resolve } = createRequire(`${settings.modules}/package.json`);
const { default: Provider } = await import(pathToFileURL(resolve('oidc-provider')));

const mount = '/oauth2/default';
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const server = createServer({
  key: readFileSync(settings.key),
  cert: readFileSync(settings.certificate),
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}${mount}`, {
    clients: [
      {
        client_id: settings.client_id,
        ...(settings.client_secret
          ? { client_secret: settings.client_secret, token_endpoint_auth_method: settings.client_authentication }
          : { token_endpoint_auth_method: 'none' }),
        application_type: 'native',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    jwks: { keys: [{ ...signingKey, kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    routes: {
      authorization: '/v1/authorize',
      code_verification: '/activate',
      device_authorization: '/v1/device/authorize',
      jwks: '/v1/keys',
      revocation: '/v1/revoke',
      token: '/v1/token',
      userinfo: '/v1/userinfo',
    },
    features: {
      deviceFlow: { enabled: true, charset: 'base-20', mask: '********' },
      revocation: { enabled: true },
    },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email'] },
    // As Okta does: name and e-mail address are in the ID token itself.
    conformIdTokenClaims: false,
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...settings.people[id] }) }),
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3600,
      DeviceCode: 600,
      Grant: 86400,
      IdToken: settings.id_token_seconds,
      Interaction: 3600,
      RefreshToken: 86400,
      Session: 86400,
    },
  });
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'revocation.error']) {
    provider.on(event, (_ctx, error) => console.log(event, error.name, error.message, error.error_detail ?? ''));
  }
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(`${mount}/`)) {
      response.writeHead(404).end();
      return;
    }
    request.originalUrl = request.url;
    request.url = request.url.slice(mount.length);
    console.log(request.method, request.url.split('?')[0]);
    answer(request, response);
  });
  console.log(`listening ${port}`);
});
