// A broker made of oidc-provider and, towards the provider behind it, openid-client: what ours is measured against.
// As their own examples have it: an interaction that sends the browser on, a callback, Redis for everything that is
// kept, no consent for the registries that run it. It is told all it needs by environment variables (BENCH_...).
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

import { adapterFor } from './redis_adapter.mjs'

// npm keeps its packages outside the source tree, where an import by name would not find them.
const packages = createRequire(process.env.BENCH_PACKAGES)
const load = (name) => import(pathToFileURL(packages.resolve(name)))
const { default: Provider } = await load('oidc-provider')
const { Redis } = await load('ioredis')
const upstream = await load('openid-client')

const issuer = process.env.BENCH_ISSUER
const clients = JSON.parse(process.env.BENCH_CLIENTS)
const redis = new Redis(process.env.BENCH_REDIS_URL)
const accountKey = (sub) => `account:${sub}`

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: randomBytes(8).toString('hex') }

const provider = new Provider(issuer, {
  adapter: adapterFor(redis),
  clients,
  jwks: { keys: [key] },
  cookies: {
    keys: [randomBytes(32).toString('base64url')],
    // The callback is one address, as a provider knows it, and has to see whose interaction it ends.
    short: { httpOnly: true, sameSite: 'lax', path: '/interaction' },
  },
  scopes: ['openid', 'profile', 'email', 'offline_access', 'introspection'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, IdToken: 600, Interaction: 600 },
  findAccount: async (_ctx, sub) => {
    const kept = await redis.get(accountKey(sub))
    return kept ? { accountId: sub, claims: async () => ({ sub, ...JSON.parse(kept) }) } : undefined
  },
  loadExistingGrant: async ({ oidc }) => {
    const known = oidc.session.grantIdFor(oidc.client.clientId)
    if (known) return oidc.provider.Grant.find(known)
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
    grant.addOIDCScope('openid profile email offline_access')
    await grant.save()
    return grant
  },
})

const callback = `${issuer}/interaction/callback`
const config = await upstream.discovery(
  new URL(process.env.BENCH_UPSTREAM),
  process.env.BENCH_UPSTREAM_CLIENT_ID,
  { id_token_signed_response_alg: 'ES256' },
  upstream.ClientSecretBasic(randomBytes(32).toString('base64url')),
  { execute: [upstream.allowInsecureRequests] },
)
const cookie = { httpOnly: true, sameSite: 'lax', path: '/interaction' }

const begin = async (ctx) => {
  const { uid } = await provider.interactionDetails(ctx.req, ctx.res)
  const verifier = upstream.randomPKCECodeVerifier()
  const nonce = upstream.randomNonce()
  ctx.cookies.set('_upstream', `${nonce}.${verifier}`, cookie)
  const url = upstream.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile email',
    state: uid,
    nonce,
    code_challenge: await upstream.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  ctx.redirect(url.href)
}

const finish = async (ctx) => {
  const { uid } = await provider.interactionDetails(ctx.req, ctx.res)
  const [expectedNonce, pkceCodeVerifier] = ctx.cookies.get('_upstream').split('.')
  const tokens = await upstream.authorizationCodeGrant(config, new URL(ctx.url, issuer), {
    expectedNonce,
    expectedState: uid,
    pkceCodeVerifier,
    idTokenExpected: true,
  })
  const { sub, amr, name, email, email_verified } = tokens.claims()
  const result = amr?.includes('mfa')
    ? { login: { accountId: sub, amr } }
    : { error: 'access_denied', error_description: 'no second factor' }
  if (result.login) await redis.set(accountKey(sub), JSON.stringify({ name, email, email_verified }))
  ctx.cookies.set('_upstream', null, cookie)
  ctx.respond = false
  await provider.interactionFinished(ctx.req, ctx.res, result)
}

provider.use(async (ctx, next) => {
  if (ctx.path === '/interaction/callback') await finish(ctx)
  else if (ctx.path.startsWith('/interaction/')) await begin(ctx)
  else await next()
})
provider.listen(new URL(issuer).port, new URL(issuer).hostname)
