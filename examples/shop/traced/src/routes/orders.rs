//! `/api/v1/orders`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::auth::User;
use crate::error::AppError;
use crate::queue::Paid;
use crate::repo::orders::{self, Order, Status};
use crate::repo::products;
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(list).post(place))
        .route("/{id}", get(show).delete(cancel))
}

#[derive(Deserialize)]
struct NewOrder {
    items: Vec<Item>,
    card: String,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    quantity: i32,
}

#[derive(Serialize)]
struct Placed {
    id: i64,
    total_cents: i64,
    receipt: String,
}

async fn list(State(state): State<AppState>, user: User) -> Result<Json<Vec<Order>>, AppError> {
    Ok(Json(orders::of_user(&state.db, user.id).await?))
}

async fn show(
    State(state): State<AppState>,
    user: User,
    Path(id): Path<i64>,
) -> Result<Json<Order>, AppError> {
    Ok(Json(orders::by_id(&state.db, user.id, id).await?))
}

async fn place(
    State(state): State<AppState>,
    user: User,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Placed>), AppError> {
    if new.items.is_empty() || new.items.iter().any(|item| item.quantity < 1) {
        return Err(AppError::Invalid("an order has items".to_owned()));
    }
    let mut transaction = state.db.begin().await?;
    let mut lines = Vec::new();
    for item in &new.items {
        let taken = products::take(&mut transaction, &item.sku, item.quantity).await?;
        let (product, price) = taken.ok_or_else(|| AppError::OutOfStock(item.sku.clone()))?;
        lines.push((product, item.quantity, price));
    }
    let order = orders::insert(&mut *transaction, user.id, &lines).await?;
    let charged = state
        .payments
        .charge(order.id, order.total_cents, &new.card)
        .await;
    let receipt = match charged {
        Ok(receipt) => receipt,
        Err(error) => {
            transaction.rollback().await?;
            return Err(error);
        }
    };
    orders::set_status(&mut *transaction, order.id, Status::Paid).await?;
    transaction.commit().await?;

    let paid = Paid {
        order: order.id,
        recipient: user.email,
    };
    state.queue.publish(&paid).await?;
    info!(order = order.id, "order placed");
    let placed = Placed {
        id: order.id,
        total_cents: order.total_cents,
        receipt,
    };
    Ok((StatusCode::CREATED, Json(placed)))
}

async fn cancel(
    State(state): State<AppState>,
    user: User,
    Path(id): Path<i64>,
) -> Result<StatusCode, AppError> {
    let order = orders::by_id(&state.db, user.id, id).await?;
    if order.status == Status::Cancelled {
        return Err(AppError::Invalid("it is cancelled already".to_owned()));
    }
    orders::cancel(&state.db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
