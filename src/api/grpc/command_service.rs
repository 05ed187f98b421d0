//! `CommandService`: commands without waiting.
//!
//! Not here: what happens to a stream's commands, which is `execution`.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Limits;
use super::caller::Caller;
use super::execution::Execution;
use super::gateway::Gateway;
use super::inbox::Inbox;
use super::stream_watch::StreamWatch;
use super::validate::Fields;
use crate::proto::v1;
use crate::proto::v1::command_service_server::CommandService;

/// How many messages of one stream wait for the transport; there is more room in front of them.
const QUEUE_MESSAGES_MAX: usize = 2;

/// The service.
pub(super) struct CommandApi {
    gateway: Gateway,
    watch: Arc<dyn StreamWatch>,
    limits: Limits,
}

impl CommandApi {
    pub(super) fn new(gateway: Gateway, watch: Arc<dyn StreamWatch>, limits: Limits) -> Self {
        Self { gateway, watch, limits }
    }
}

#[tonic::async_trait]
impl CommandService for CommandApi {
    type ExecuteStream = ReceiverStream<Result<v1::ExecuteResponse, Status>>;

    async fn execute(
        &self,
        request: Request<Streaming<v1::ExecuteRequest>>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        let deadline = request.extensions().get().copied();
        let (metadata, _, requests) = request.into_parts();
        let mut fields = Fields::default();
        let caller = Caller::read(&metadata, &mut fields);
        let caller = fields.finish(caller)?;
        let admission = self.gateway.admission().clone();
        let (gateway, inbox) = (self.gateway.clone(), Inbox::new(caller, self.watch.clone()));
        let execution = Execution::new(gateway, admission, inbox, self.limits).until(deadline);
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        tokio::spawn(execution.run(requests, queue));
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}
