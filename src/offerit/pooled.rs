//! The PATCH with reqwest, which speaks TLS, HTTP/2 and proxies.

use super::client::{ClientError, Settings};
use super::exchange::{Broken, Exchange, LONGEST_BODY, Received, headers, innermost};
use super::reply::{Body, Class, class};
use bytes::Bytes;
use http::HeaderMap;
use reqwest::{Method, redirect, retry};
use url::Url;

/// A client with a pool of connections.
pub(super) struct Pooled {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

impl Pooled {
    pub(super) fn new(settings: &Settings) -> Result<Pooled, ClientError> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A redirect would carry the key and the row to another place.
            .redirect(redirect::Policy::none())
            // Every attempt is paced and counted by delivery.
            .retry(retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .timeout(settings.timeout)
            .connect_timeout(settings.longest_connect());
        if settings.endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = if settings.endpoint.is_https() {
            builder.tls_certs_merge(settings.authorities.certificates())
        } else {
            // No certificate can be needed: a machine without any must still be able to go through a proxy.
            builder.tls_certs_only([])
        };
        let client = builder.build().map_err(|error| ClientError::Setup(innermost(&error)))?;
        let headers = headers(&settings.credentials).ok_or(ClientError::Credentials)?;
        Ok(Pooled { client, url: settings.endpoint.url().clone(), headers })
    }
}

impl Exchange for Pooled {
    async fn exchange(&self, body: &Bytes) -> Result<Received, Broken> {
        let mut patch = reqwest::Request::new(Method::PATCH, self.url.clone());
        *patch.headers_mut() = self.headers.clone();
        *patch.body_mut() = Some(body.clone().into());
        let mut response = self.client.execute(patch).await.map_err(|error| why(&error))?;
        let mut body = Body::default();
        let mut broken = None;
        // Of a redirect the head says it all.
        while class(response.status().as_u16()) != Class::Redirect && !body.is_cut {
            match response.chunk().await {
                Ok(Some(chunk)) => body.add(&chunk, LONGEST_BODY),
                Ok(None) => break,
                Err(error) => {
                    broken = Some(why(&error));
                    break;
                }
            }
        }
        Ok(Received {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
            broken,
        })
    }
}

fn why(error: &reqwest::Error) -> Broken {
    let text = innermost(error);
    // hyper-util's words for a 407 to CONNECT; there is no other sign of it.
    if text.contains("proxy authorization required") {
        Broken::Proxy(text)
    } else if error.is_connect() {
        Broken::NotSent(text)
    } else if error.is_timeout() {
        Broken::TimedOut
    } else {
        Broken::Lost(text)
    }
}
