// Where oidc-provider keeps what it keeps, by its adapter contract: each call is one round trip, or two to find
// something by another name.
const CONSUMED = new Set(['AuthorizationCode', 'RefreshToken'])
const OF_A_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken'])

const grantKey = (grantId) => `grant:${grantId}`
const uidKey = (uid) => `uid:${uid}`

export const adapterFor = (redis) =>
  class {
    constructor(name) {
      this.name = name
    }

    key(id) {
      return `${this.name}:${id}`
    }

    async upsert(id, payload, seconds) {
      const key = this.key(id)
      const text = JSON.stringify(payload)
      if (this.name === 'ClientCredentials' || this.name === 'Interaction') {
        await redis.set(key, text, 'EX', seconds)
        return
      }
      const batch = redis.multi()
      if (CONSUMED.has(this.name)) batch.hset(key, 'payload', text).expire(key, seconds)
      else if (seconds) batch.set(key, text, 'EX', seconds)
      else batch.set(key, text)
      if (OF_A_GRANT.has(this.name) && payload.grantId) {
        const of = grantKey(payload.grantId)
        // One that has no end yet gets one; one that has is only ever prolonged.
        batch.rpush(of, key).expire(of, seconds, 'NX').expire(of, seconds, 'GT')
      }
      if (this.name === 'Session') batch.set(uidKey(payload.uid), id, 'EX', seconds)
      for (const [error] of await batch.exec()) if (error) throw error
    }

    async find(id) {
      if (!CONSUMED.has(this.name)) {
        const text = await redis.get(this.key(id))
        return text ? JSON.parse(text) : undefined
      }
      const [text, consumed] = await redis.hmget(this.key(id), 'payload', 'consumed')
      return text ? { ...JSON.parse(text), ...(consumed && { consumed: Number(consumed) }) } : undefined
    }

    async findByUid(uid) {
      const id = await redis.get(uidKey(uid))
      return id ? this.find(id) : undefined
    }

    async findByUserCode() {
      return undefined // the device flow is off
    }

    async consume(id) {
      await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000))
    }

    async destroy(id) {
      await redis.del(this.key(id))
    }

    async revokeByGrantId(grantId) {
      const of = grantKey(grantId)
      await redis.del(of, ...(await redis.lrange(of, 0, -1)))
    }
  }
