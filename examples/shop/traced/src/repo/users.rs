//! The table `users`.

use sqlx::{PgExecutor, Row};

use crate::auth::User;

pub(crate) async fn by_token(
    db: impl PgExecutor<'_>,
    token: &str,
) -> Result<Option<User>, sqlx::Error> {
    let row = sqlx::query("SELECT id, email FROM users WHERE token = $1")
        .bind(token)
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok(User {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
        })
    })
    .transpose()
}
