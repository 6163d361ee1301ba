//! Values are read only as far as an invocation may hold them: what Redis is asked for is bounded, and not what has come.

use redis::{FromRedisValue, Pipeline, RedisError, Value, cmd, pipe};

use super::{Keys, error, wit};

/// What a value takes beside its bytes, so that many small ones count too.
const VALUE_OVERHEAD: usize = 64;

/// How often values are read again that have grown since their sizes were asked for.
const TRIES: usize = 5;

impl Keys {
    /// The value at a key, of at most `limit` bytes.
    pub(super) async fn value(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, wit::Error> {
        // One more shows that there is more.
        let value: Vec<u8> = self.call(cmd("GETRANGE").arg(key).arg(0).arg(limit)).await?;
        if value.len() > limit {
            let size: usize = self.call(cmd("STRLEN").arg(key)).await?;
            return Err(too_large(size.max(value.len()), limit));
        }
        if !value.is_empty() {
            return Ok(Some(value));
        }
        // It is empty, or there is none.
        match self.read(&[key], &[limit]).await?.pop().flatten() {
            Some(value) if value.len() > limit => Err(too_large(value.len(), limit)),
            found => Ok(found),
        }
    }

    /// The values at the keys, of at most `limit` bytes together, as they are at one moment.
    pub(super) async fn values(&self, keys: &[String], limit: usize) -> Result<Vec<Option<Vec<u8>>>, wit::Error> {
        for _ in 0..TRIES {
            let mut asking = pipe();
            for key in keys {
                asking.cmd("STRLEN").arg(key);
            }
            let sizes: Vec<usize> = self.call_all(&asking).await?;
            let total = sizes.iter().fold(0_usize, |total, size| total.saturating_add(size + VALUE_OVERHEAD));
            if total > limit {
                return Err(too_large(total, limit));
            }
            let values = self.read(keys, &sizes).await?;
            let has_grown =
                |(value, size): (&Option<Vec<u8>>, &usize)| value.as_ref().is_some_and(|value| value.len() > *size);
            if !values.iter().zip(&sizes).any(has_grown) {
                return Ok(values);
            }
        }
        Err(wit::Error::Unavailable("the values grow while they are read".to_owned()))
    }

    /// Reads each key up to one byte more than its size, all at one moment.
    async fn read(&self, keys: &[impl AsRef<str>], sizes: &[usize]) -> Result<Vec<Option<Vec<u8>>>, wit::Error> {
        let mut reading = pipe();
        reading.atomic();
        for (key, size) in keys.iter().zip(sizes) {
            reading.cmd("EXISTS").arg(key.as_ref());
            reading.cmd("GETRANGE").arg(key.as_ref()).arg(0).arg(*size);
        }
        let replies: Vec<Value> = self.call_all(&reading).await?;
        let mut replies = replies.into_iter();
        let mut values = Vec::with_capacity(keys.len());
        while let (Some(exists), Some(value)) = (replies.next(), replies.next()) {
            let exists = bool::from_redis_value(exists).map_err(|e| error(&e.into()))?;
            let value = Vec::from_redis_value(value).map_err(|e| error(&e.into()))?;
            values.push(exists.then_some(value));
        }
        Ok(values)
    }

    async fn call_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, wit::Error> {
        let mut connection = self.redis.connection().map_err(|e| error(&e))?;
        commands.query_async(&mut connection).await.map_err(|e| error(&first(e)))
    }
}

/// What was wrong with the first command that failed, as it would be told of that command alone.
fn first(error: RedisError) -> RedisError {
    let failed = error.clone().into_server_errors();
    failed.and_then(|failed| failed.first().map(|(_, failure)| failure.clone().into())).unwrap_or(error)
}

pub(super) fn too_large(size: usize, limit: usize) -> wit::Error {
    wit::Error::TooLarge(format!("{size} bytes are more than {limit} (limits.transfer)"))
}
